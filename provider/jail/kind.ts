import { HostError } from "../host/errors.ts";
import { hostIdOf } from "../host/host-id.ts";
import { machine } from "../host/questions/machine.ts";
import { mayDelete } from "../ownership/ownership.ts";
import type { Call, Checked, ResourceKind } from "../resource/kind.ts";
import { convergeJail } from "./converge.ts";
import { buildRootId, type DesiredJail, desiredJail, lockNameOf, RENEWED } from "./desired.ts";
import type { DiscoveryFace } from "./discovery-face.ts";
import { describeDrift, describeWarnings } from "./drift.ts";
import { checkJail, diffJail, type JailInputs, type JailOutputs } from "./inputs.ts";
import { checkLock } from "./lock.ts";
import { observeJail } from "./observe.ts";
import type { ObservedJail } from "./observed.ts";
import { jailOutputs } from "./outputs.ts";
import { foundOwner } from "./owned.ts";
import { planRemoval } from "./plan.ts";

/** The Jail's seven words. */
export function createJailKind(face: DiscoveryFace): ResourceKind<JailInputs, JailOutputs> {
  return {
    kind: "jail",
    check: (olds, news) => checkLocked(face, olds, news),
    diff: (olds, news) => diffJail(olds, withoutOldRenewal(face, olds, news)),
    id: (inputs) => inputs.jailName,
    read: readJail,
    converge: (call, inputs, state) => convergeJail(face, call, inputs, state),
    remove: (call, state) => removeJail(face, call, state),
  };
}

/** The lock file is read only for inputs that are sound, as it is compared with them. */
function checkLocked(face: DiscoveryFace, ...[olds, news]: Parameters<typeof checkJail>): Checked<JailInputs> {
  const checked = checkJail(olds, news);
  if (checked.failures.length > 0) return checked;
  const { inputs, failures } = checkLock(checked.inputs, face.lockFiles, face.openedAtStart);
  return { inputs: { ...checked.inputs, ...inputs }, failures };
}

/** The inputs of a run that renewed are still the state's at the next refresh, when nothing is renewed any more. */
function withoutOldRenewal(face: DiscoveryFace, olds: JailOutputs, news: JailInputs): JailInputs {
  if (news.manifestDigest !== RENEWED || face.lockFiles.renewing()) return news;
  return { ...news, manifestDigest: olds.manifestDigest };
}

async function readJail(call: Call, state: JailInputs & JailOutputs): Promise<JailOutputs | undefined> {
  const desired = desiredJail(state);
  const [observed, { machineId }] = await call.host.ask([observeJail(desired), machine()]);
  const found = foundOwner(observed, call.owner);
  if (found.state === "nothing") return undefined;
  if (state.claim === undefined) return readAnother(call, desired, observed, hostIdOf(machineId));
  const taken = describeTaken(found, state);
  const drift = taken ?? describeDrift(observed, state);
  if (!taken) for (const line of describeWarnings(observed, state.manifestFile)) call.warn?.(line);
  const { claim, unfinished } = state;
  return jailOutputs(desired, observed.record, { hostId: hostIdOf(machineId), claim, drift, unfinished });
}

/** `Jail.get`: whoever's it is, it tells what is there; no wish of ours can differ from it but that its files are sound. */
function readAnother(call: Call, desired: DesiredJail, observed: ObservedJail, hostId: string): JailOutputs {
  const { jailName } = desired;
  const { record } = observed;
  const found = foundOwner(observed, call.owner);
  if (found.state !== "owned" || !record?.generation)
    throw new HostError("foreign", call.host.label, `jail ${jailName} has no mark of ours or was never complete`);
  const { claim } = found.owner;
  const drift = describeDrift(observed, { jailName, claim, generation: record.generation });
  return jailOutputs(desired, record, { hostId, claim, drift });
}

async function removeJail(face: DiscoveryFace, call: Call, state: JailInputs & JailOutputs): Promise<void> {
  const desired = desiredJail(state);
  const [observed] = await call.host.ask([observeJail(desired)]);
  const found = foundOwner(observed, call.owner);
  // Nothing is left but what a cut removal may have forgotten; whatever has another mark was superseded.
  if (found.state !== "nothing" && !mayDelete(found, state.claim)) return;
  refuseInUse(call, desired.jailName, observed);
  const close = observed.leftovers.includes("build root") ? [face.closeBuildRootStep(buildRootId(desired))] : [];
  const steps = planRemoval(desired, observed, close);
  const { urn } = call.owner;
  await call.host.apply(
    { lock: lockNameOf(desired), urn, deadlineSeconds: call.deadlineSeconds, steps },
    call.progress,
  );
}

function refuseInUse(call: Call, jailName: string, { used }: ObservedJail): void {
  const users = [...new Set([...used.values()].flat())];
  if (users.length === 0) return;
  throw new HostError(
    "locked",
    call.host.label,
    `jail ${jailName} is in use by ${users.join(" and ")}; remove that first`,
  );
}

/** Another stack, or another life of this one, has taken the jail over: said, never mended by force. */
function describeTaken(found: ReturnType<typeof foundOwner>, state: JailOutputs): readonly string[] | undefined {
  if (found.state === "foreign") return [`jail ${state.jailName} carries no mark of ours any more`];
  if (found.state === "owned" && found.owner.claim !== state.claim)
    return [`jail ${state.jailName} was taken over by ${found.owner.urn}`];
  return undefined;
}
