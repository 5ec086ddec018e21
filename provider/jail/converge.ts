import { FETCH } from "../generation/fetch.ts";
import { HostError, isChangedMeanwhile, StepFailed } from "../host/errors.ts";
import { hostIdOf } from "../host/host-id.ts";
import { machine } from "../host/questions/machine.ts";
import { judgeCreate, judgeUpdate } from "../ownership/ownership.ts";
import { type Call, Unfinished } from "../resource/kind.ts";
import { buildRootId, type DesiredJail, desiredJail, lockNameOf, RENEWED } from "./desired.ts";
import type { DiscoveryFace } from "./discovery-face.ts";
import type { JailInputs, JailOutputs } from "./inputs.ts";
import { type Lock, lockOf, renewal } from "./lock.ts";
import { leftBuildRoot, make, type Seen } from "./make.ts";
import { observeJail } from "./observe.ts";
import type { ObservedJail } from "./observed.ts";
import { jailOutputs } from "./outputs.ts";
import { foundOwner } from "./owned.ts";
import { digestOfMaking, planFailed, planJail, recordOf } from "./plan.ts";
import { inTurn } from "./turns.ts";

/** Create and update are this one flow; where several jails write one lock file, the first does and the others use it. */
export async function convergeJail(
  face: DiscoveryFace,
  call: Call,
  inputs: JailInputs,
  state: (JailInputs & JailOutputs) | undefined,
): Promise<JailOutputs> {
  const { lockFiles, openedAtStart } = face;
  const converge = async (wanted: JailInputs) =>
    convergeOnce(face, call, wanted, state, lockOf(wanted, lockFiles, openedAtStart));
  if (inputs.manifestFile === undefined || inputs.manifestDigest !== RENEWED) return converge(inputs);
  return inTurn(
    lockFiles,
    inputs.manifestFile,
    () => converge(inputs),
    () => converge({ ...inputs, manifestDigest: undefined }),
  );
}

/** One pass: observe, decide, discover if need be, plan, apply. */
async function convergeOnce(
  face: DiscoveryFace,
  call: Call,
  inputs: JailInputs,
  state: (JailInputs & JailOutputs) | undefined,
  lock: Lock | undefined,
  fromSibling = true,
): Promise<JailOutputs> {
  const found = await observe(call, inputs, state, lock);
  const seen = fromSibling ? found : { ...found, observed: { ...found.observed, sibling: undefined } };
  const made = await make(face, call, inputs, seen).catch((error: unknown) => giveUp(face, call, seen, error));
  const { observed, owner, hostId } = seen;
  const desired = made.written === undefined ? seen.desired : { ...seen.desired, lock: made.written.lock };
  const record = recordOf(desired, owner, observed.record, digestOfMaking(made.making), made.contents);
  const buildRoot = made.buildRoot ?? leftBuildRoot(face, seen);
  const steps = planJail(desired, observed, owner, made.making, record, buildRoot);
  const { urn } = call.owner;
  try {
    await call.host.apply(
      { lock: lockNameOf(desired), urn, deadlineSeconds: call.deadlineSeconds, steps },
      call.progress,
    );
  } catch (error) {
    if (made.sibling && error instanceof StepFailed && error.kind === "discovery")
      return convergeOnce(face, call, inputs, state, lock, false);
    await giveUp(face, call, seen, error);
  }
  if (made.written !== undefined) face.lockFiles.write(made.written.lock.manifestFile, made.written.text);
  const manifestDigest = desired.lock?.checksum;
  return {
    ...jailOutputs(desired, record, { hostId, claim: owner.claim }),
    ...(manifestDigest !== undefined && { manifestDigest }),
  };
}

async function observe(
  call: Call,
  inputs: JailInputs,
  state: JailOutputs | undefined,
  lock: Lock | undefined,
): Promise<Seen> {
  const desired = desiredJail(inputs, lock);
  const [observed, { machineId }] = await call.host.ask([observeJail(desired), machine()]);
  const judge = state ? judgeUpdate : judgeCreate;
  const refuseOther = (now: ObservedJail) => {
    const verdict = judge(foundOwner(now, call.owner), call.owner, call.owner.claim, inputs.adopt ?? false);
    if (verdict.verdict === "refuse")
      throw new HostError("foreign", call.host.label, `jail ${desired.jailName}: ${verdict.reason}`);
  };
  refuseOther(observed);
  return { desired, observed, owner: call.owner, hostId: hostIdOf(machineId), refuseOther };
}

/**
 * After a failure on the host: takes the build root away, and, once there is something of ours, hands the state what is
 * true with the reasons. A host that can't be reached, or where nothing of ours could be written, throws as it is.
 */
async function giveUp(face: DiscoveryFace, call: Call, seen: Seen, error: unknown): Promise<never> {
  if (isChangedMeanwhile(error)) throw error;
  if (!(error instanceof HostError) || !(error instanceof StepFailed || error.kind === "discovery")) throw error;
  const { desired, hostId, owner } = seen;
  let outputs: JailOutputs;
  try {
    const [observed] = await call.host.ask([observeJail(desired)]);
    seen.refuseOther(observed);
    const steps = planFailed(desired, observed, owner, [face.closeBuildRootStep(buildRootId(desired))]);
    await call.host.apply({ lock: lockNameOf(desired), urn: owner.urn, steps });
    outputs = jailOutputs(desired, observed.record, { hostId, claim: owner.claim, unfinished: true });
  } catch (later) {
    throw later instanceof HostError && later.kind === "foreign" ? later : error;
  }
  throw new Unfinished(outputs, reasonsOf(error, desired));
}

function reasonsOf(error: HostError, { lock }: DesiredJail): readonly string[] {
  const output = error instanceof StepFailed ? error.output.trim() : "";
  const fetched = error.command === FETCH || error.command === "open-build-root";
  const renew = fetched && lock ? [`renew ${lock.manifestFile} with ${renewal}`] : [];
  return [error.message, ...(output === "" ? [] : [output]), ...renew];
}
