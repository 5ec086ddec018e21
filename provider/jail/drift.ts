import { describeFindings } from "../generation/findings.ts";
import { describeStale } from "../generation/stale.ts";
import type { JailOutputs } from "./inputs.ts";
import { renewal } from "./lock.ts";
import type { ObservedJail } from "./observed.ts";

/** What differs on the host from what the state says, a sentence per artefact. */
export function describeDrift(
  observed: ObservedJail,
  state: Pick<JailOutputs, "generation" | "claim" | "jailName"> & {
    readonly pinnedGeneration?: string;
    readonly manifestFile?: string;
  },
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
    // An old generation that was asked for, by pin or lock file, is old by intent: no `up` would change it.
    ...(state.pinnedGeneration === undefined && state.manifestFile === undefined
      ? observed.stale.map(describeStale)
      : []),
    ...observed.leftovers.map((name) => `unfinished: ${name}`),
  ];
}

/** What is no drift, and yet should be known: an index that could not be had, packages as old as a lock file has them. */
export function describeWarnings(observed: ObservedJail, manifestFile: string | undefined): readonly string[] {
  if (observed.unrefreshed !== undefined)
    return [`the index of ${observed.unrefreshed} could not be refreshed; stale is what was known to be before`];
  if (manifestFile === undefined) return [];
  return observed.stale.map((stale) => `${describeStale(stale)}; renew ${manifestFile} with ${renewal}`);
}
