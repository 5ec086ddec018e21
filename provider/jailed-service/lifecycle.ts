import { HostError, StepFailed } from "../host/errors.ts";
import type { Step } from "../host/step.ts";
import type { Owner } from "../ownership/ownership.ts";
import { judgeCreate, judgeUpdate, mayDelete } from "../ownership/ownership.ts";
import { otherSlot } from "../ports/network.ts";
import { type Call, type ResourceKind, Unfinished } from "../resource/kind.ts";
import { dataWithoutVolume, describeUnkept } from "./data-directories.ts";
import { diffJailedService } from "./fields.ts";
import { hasTraces, servingSlot } from "./findings.ts";
import { type GateInputs, passGate } from "./gate.ts";
import { checkJailedService, type JailedServiceInputs, type JailedServiceOutputs } from "./inputs.ts";
import { unitName, VOLUMES } from "./names.ts";
import { observeService } from "./observe.ts";
import type { Observed } from "./observed.ts";
import { driftOf, outputsOf } from "./outputs.ts";
import { isOnTrial, planCleanup, planRemoval, planReturn, planService } from "./plan.ts";
import { expectOwner, markStep, servicePlan, userStep } from "./steps.ts";
import { networkNumber, problemOf, surroundingsOf } from "./surroundings.ts";

type State = JailedServiceInputs & JailedServiceOutputs;

const bothSlots = ["a", "b"] as const;

/** A jail's program as a hardened unit of systemd, with ports of its own. */
export const jailedServiceKind: ResourceKind<JailedServiceInputs, JailedServiceOutputs> = {
  kind: "jailed-service",
  check: checkJailedService,
  diff: diffJailedService,
  id: (inputs) => inputs.serviceName,
  read,
  converge,
  remove,
};

async function read(call: Call, state: State): Promise<JailedServiceOutputs | undefined> {
  const observed = await observe(call, state);
  const isThere = bothSlots.some((slot) => hasTraces(state.serviceName, observed, slot));
  if (observed.found.state === "nothing" && !isThere && observed.user === undefined) return undefined;
  warnOfStrangers(call, state, observed);
  return outputsOf(state, observed, state.claim, driftOf(call, state, observed), state);
}

/**
 * Observes, makes the user when there is none (everything else is rendered with its uid), applies, and reads back. A
 * slot that does not get well is taken away again, and what is true is kept in the state.
 */
async function converge(
  call: Call,
  inputs: JailedServiceInputs,
  state: State | undefined,
): Promise<JailedServiceOutputs> {
  const before = await observe(call, inputs);
  const owner = judge(call, inputs, before, state);
  const problem = problemOf(inputs, before);
  if (problem) throw new HostError(problem.kind, call.host.label, problem.text);
  const known = before.user ? before : await withUser(call, inputs, before, owner);
  const around = surroundingsOf(call.host.label, inputs, known);
  warnOfStrangers(call, inputs, before);
  const steps = planService(inputs, around, known, owner, inputs.gate ? "trial" : "whole");
  if (steps.length === 0) return outputsOf(inputs, known, owner.claim, [], state);
  const told = state?.dataWithoutVolume ?? [];
  for (const path of dataWithoutVolume(inputs, around)) if (!told.includes(path)) call.info?.(describeUnkept(path));
  try {
    await apply(call, inputs, steps);
  } catch (error) {
    if (!(error instanceof StepFailed) || error.kind === "foreign") throw error;
    throw await recover(call, inputs, owner, error, state);
  }
  const applied = await observe(call, inputs);
  const after = isOnTrial(inputs, applied) ? await judgeTrial(call, inputs, applied, owner, state) : applied;
  const drift = driftOf(call, inputs, after);
  const outputs = outputsOf(inputs, after, owner.claim, drift, state);
  if (drift.length > 0) throw new Unfinished({ ...outputs, unfinished: true }, drift);
  return outputs;
}

/**
 * With its ports and beside the slot before, the new one settles while the gate is asked. Well: the old one drains and
 * goes. Else the ports go back to it, and what is true is kept in the state.
 */
async function judgeTrial(
  call: Call,
  inputs: JailedServiceInputs,
  applied: Observed,
  owner: Owner,
  state: State | undefined,
): Promise<Observed> {
  const gate = inputs.gate as GateInputs;
  const refused = await passGate(gate, inputs.settleSeconds, call.progress);
  const settled = await observe(call, inputs);
  const around = surroundingsOf(call.host.label, inputs, settled);
  const reason = refused ?? endOf(inputs, applied, settled);
  if (reason === undefined) {
    await apply(call, inputs, planService(inputs, around, settled, owner));
    return observe(call, inputs);
  }
  const slot = servingSlot(settled);
  const generation = (slot && settled.slots[otherSlot(slot)].generation) ?? "";
  const reasons = [reason];
  const previous = { ...(state ?? inputs), generation, connection: inputs.connection };
  const back = apply(call, inputs, planReturn(previous, around, settled));
  await back.catch((error: Error) => reasons.push(error.message));
  const observed = await observe(call, inputs);
  const outputs = outputsOf(inputs, observed, owner.claim, driftOf(call, inputs, observed), state);
  const serves = outputs.generation === "" ? "no generation serves" : `generation ${outputs.generation} serves on`;
  throw new Unfinished({ ...outputs, unfinished: true }, [...reasons, serves]);
}

/** Why the slot on trial is no more what it was when its trial began. */
function endOf(inputs: JailedServiceInputs, applied: Observed, settled: Observed): string | undefined {
  const slot = servingSlot(applied);
  if (!slot) return undefined;
  const [before, after] = [applied.slots[slot].unit, settled.slots[slot].unit];
  const isSame = after["ActiveState"] === "active" && before["InvocationID"] === after["InvocationID"];
  return isSame ? undefined : `${unitName(inputs.serviceName, slot)} ended while it settled`;
}

/** Not ours to end, and no drift of the service: it serves. */
function warnOfStrangers(call: Call, inputs: JailedServiceInputs, { strangers }: Observed): void {
  if (inputs.network !== "private") return;
  for (const { port, program } of strangers)
    call.info?.(`port ${port} is also held by ${program}, which nobody reaches while the port leads to the jail`);
}

async function remove(call: Call, state: State): Promise<void> {
  const observed = await observe(call, state);
  const isThere = bothSlots.some((slot) => hasTraces(state.serviceName, observed, slot));
  // A mark that was lost takes nobody else's: the names of the units and the user are ours.
  const isLost = observed.found.state === "nothing" && (isThere || observed.user !== undefined);
  if (!mayDelete(observed.found, state.claim) && !isLost) return;
  const number = networkNumber(state.serviceName, observed);
  const dropped = Object.values(state.volumes ?? {}).filter((volume) => volume.removeOnDelete);
  const steps = planRemoval(
    state,
    number,
    observed,
    dropped.map(({ volumeName }) => `${VOLUMES}/${volumeName}`),
  );
  await apply(call, state, steps);
  for (const { volumeName, removeOnDelete } of Object.values(state.volumes ?? {}))
    if (!removeOnDelete) call.info?.(`volume ${volumeName} stays on the host: ${VOLUMES}/${volumeName}`);
}

/** The failed slot goes; a second failure adds to the reasons and hides nothing. */
async function recover(
  call: Call,
  inputs: JailedServiceInputs,
  owner: Owner,
  error: StepFailed,
  state: State | undefined,
): Promise<Error> {
  const reasons = [error.message, ...error.output.split("\n").filter((line) => line !== "")];
  let observed = await observe(call, inputs);
  const cleanup = planCleanup(inputs, observed);
  if (cleanup.length > 0) {
    const cleaned = apply(call, inputs, [expectOwner(inputs.serviceName, observed), ...cleanup]);
    await cleaned.catch((second: Error) => reasons.push(second.message));
    observed = await observe(call, inputs);
  }
  const outputs = outputsOf(inputs, observed, owner.claim, driftOf(call, inputs, observed), state);
  const serves = outputs.generation === "" ? "no generation serves" : `generation ${outputs.generation} serves on`;
  return new Unfinished({ ...outputs, unfinished: true }, [...reasons, serves]);
}

async function withUser(call: Call, inputs: JailedServiceInputs, observed: Observed, owner: Owner): Promise<Observed> {
  const steps = [
    expectOwner(inputs.serviceName, observed),
    markStep(inputs.serviceName, owner),
    userStep(inputs.serviceName),
  ];
  const { outputs } = await apply(call, inputs, steps);
  const [uid, gid] = (outputs[2] ?? "").trim().split(" ").map(Number);
  if (!uid || !gid)
    throw new HostError("unexpected-output", call.host.label, `no uid and gid: ${JSON.stringify(outputs[2])}`);
  const mark = markStep(inputs.serviceName, owner).content?.replace(/^.*\n/, "");
  return { ...observed, mark, user: { uid, gid, gecos: `pulumi-jail ${inputs.serviceName}` } };
}

function judge(call: Call, inputs: JailedServiceInputs, observed: Observed, state: State | undefined): Owner {
  const { claim: drawn, ...mine } = call.owner;
  const { serviceName } = inputs;
  // A create that was cut has left its mark first: units without one are of somebody else's making.
  const isForeign =
    !state && observed.found.state === "nothing" && bothSlots.some((slot) => hasTraces(serviceName, observed, slot));
  if (isForeign)
    throw new HostError(
      "foreign",
      call.host.label,
      `there is a unit jailed-${serviceName}@ that is not ours (no mark); it is left alone`,
    );
  const verdict = state
    ? judgeUpdate(observed.found, mine, state.claim, inputs.adopt ?? false)
    : judgeCreate(observed.found, mine, drawn, inputs.adopt ?? false);
  if (verdict.verdict === "refuse")
    throw new HostError("foreign", call.host.label, `the service ${inputs.serviceName}: ${verdict.reason}`);
  return { ...mine, claim: verdict.claim };
}

function observe(call: Call, inputs: JailedServiceInputs): Promise<Observed> {
  return observeService(call.host, inputs);
}

function apply(call: Call, inputs: JailedServiceInputs, steps: readonly Step[]) {
  return call.host.apply(servicePlan(inputs.serviceName, call.owner.urn, steps, call.deadlineSeconds), call.progress);
}
