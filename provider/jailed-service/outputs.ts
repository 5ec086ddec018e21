import { hostIdOf } from "../host/host-id.ts";
import type { Call } from "../resource/kind.ts";
import { dataWithoutVolume } from "./data-directories.ts";
import { slotDesired } from "./desired.ts";
import { findingsOf, servingSlot } from "./findings.ts";
import type { JailedServiceInputs, JailedServiceOutputs } from "./inputs.ts";
import { unitName } from "./names.ts";
import type { Observed } from "./observed.ts";
import { problemOf, surroundingsOf } from "./surroundings.ts";

/** A sentence for all that differs from what is declared; empty when nothing does. */
export function driftOf(call: Call, inputs: JailedServiceInputs, observed: Observed): readonly string[] {
  const { found } = observed;
  const mark = found.state === "owned" ? [] : [`the mark of service ${inputs.serviceName} is gone`];
  const problem = problemOf(inputs, observed);
  if (problem) return [...mark, problem.text];
  if (!observed.user) return [...mark, "its user is gone"];
  const around = surroundingsOf(call.host.label, inputs, observed);
  const slot = servingSlot(observed);
  const findings = findingsOf(inputs, around, observed, slot && slotDesired(inputs, around, slot));
  return [...mark, ...new Set(findings.map(({ text }) => text))];
}

/** What the host shows, as the state keeps it: `generation` is the one that serves. */
export function outputsOf(
  inputs: JailedServiceInputs,
  observed: Observed,
  claim: string,
  drift: readonly string[],
  state: Pick<JailedServiceOutputs, "exposure" | "dataWithoutVolume"> | undefined,
): JailedServiceOutputs {
  const slot = servingSlot(observed);
  const runs = slot && observed.slots[slot];
  const nofile = inputs.limits?.limitNOFILE ?? observed.launch?.limitNOFILE;
  const isClipped = nofile !== undefined && runs?.proof?.nofile !== undefined && runs.proof.nofile < nofile;
  const known = observed.notEnforced ?? state?.exposure?.notEnforced.filter((name) => name !== "LimitNOFILE") ?? [];
  const score = runs?.exposure ?? state?.exposure?.score ?? 10;
  return {
    generation: runs?.generation ?? observed.serving?.generation ?? "",
    unitName: slot ? unitName(inputs.serviceName, slot) : "",
    exposure: { score, notEnforced: [...known, ...(isClipped ? ["LimitNOFILE"] : [])] },
    uid: observed.user?.uid ?? 0,
    ...unkept(inputs, observed, state),
    hostId: hostIdOf(observed.machine.machineId),
    claim,
    drift,
    unfinished: false,
  };
}

/** What is known of the generation that is wanted, else what was known: a refresh of a broken host forgets nothing. */
function unkept(
  inputs: JailedServiceInputs,
  { launch, seeds }: Observed,
  state: Pick<JailedServiceOutputs, "dataWithoutVolume"> | undefined,
): Pick<JailedServiceOutputs, "dataWithoutVolume"> {
  const paths = launch ? dataWithoutVolume(inputs, { launch, seeds }) : (state?.dataWithoutVolume ?? []);
  return paths.length > 0 ? { dataWithoutVolume: paths } : {};
}
