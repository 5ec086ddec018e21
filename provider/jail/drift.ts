import { describeFindings } from "../generation/findings.ts";
import type { JailOutputs } from "./inputs.ts";
import type { ObservedJail, StalePackage } from "./observed.ts";

/** What differs on the host from what the state says, a sentence per artefact. */
export function describeDrift(
  observed: ObservedJail,
  state: Pick<JailOutputs, "generation" | "claim" | "jailName"> & { readonly pinnedGeneration?: string },
): readonly string[] {
  const { record } = observed;
  const mark = observed.ownerText === undefined ? [`missing: the mark of jail ${state.jailName} (owner.json)`] : [];
  if (record === undefined) {
    const how = observed.recordText === undefined ? "missing" : "changed";
    return [...mark, `${how}: the record of jail ${state.jailName} (record.json)`];
  }
  const chosen =
    record.generation === state.generation
      ? []
      : [`generation ${state.generation || "none"} -> ${record.generation || "none"}`];
  return [
    ...mark,
    ...chosen,
    ...describeFindings(observed.findings, record.generation),
    // An old generation that was asked for is old by intent.
    ...(state.pinnedGeneration === undefined ? observed.stale.map(describeStale) : []),
    ...observed.leftovers.map((name) => `unfinished: ${name}`),
  ];
}

function describeStale({ name, was, is, files }: StalePackage): string {
  return `stale: ${name} ${was} -> ${is}, ${files} ${files === 1 ? "file" : "files"}`;
}
