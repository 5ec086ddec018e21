import { FETCH } from "../generation/fetch.ts";
import { manifestPath } from "../generation/layout.ts";
import { isSeedLost } from "../generation/repair.ts";
import { describeSeeds } from "../generation/seed.ts";
import { HostError, isChangedMeanwhile, StepFailed } from "../host/errors.ts";
import { hostIdOf } from "../host/host-id.ts";
import { machine } from "../host/questions/machine.ts";
import { read } from "../host/questions/read.ts";
import { generationDigest } from "../manifest/digest.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { parseManifest } from "../manifest/parse.ts";
import { judgeCreate, judgeUpdate, type Owner } from "../ownership/ownership.ts";
import { type Call, Unfinished } from "../resource/kind.ts";
import { completeDiscovery } from "./complete.ts";
import { type Decision, decideGeneration } from "./decide.ts";
import { buildRootId, type DesiredJail, desiredJail, lockNameOf, RENEWED } from "./desired.ts";
import { type DiscoveryFace, discoverySpec } from "./discovery-face.ts";
import { makeFromLock } from "./from-lock.ts";
import type { JailInputs, JailOutputs } from "./inputs.ts";
import { type Lock, lockOf, renewal } from "./lock.ts";
import { observeJail } from "./observe.ts";
import type { ObservedJail } from "./observed.ts";
import { jailOutputs } from "./outputs.ts";
import { foundOwner } from "./owned.ts";
import { type BuildRootSteps, digestOfMaking, type Making, planFailed, planJail, recordOf } from "./plan.ts";
import { describeContents, type JailRecord } from "./record.ts";
import { inTurn } from "./turns.ts";
import { type WrittenLock, writtenLock } from "./write-lock.ts";

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
  const made = await make(face, call, inputs, seen);
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

/** What was seen at the start of a call, and under which claim it may go on. */
interface Seen {
  readonly desired: DesiredJail;
  readonly observed: ObservedJail;
  readonly owner: Owner;
  readonly hostId: string;
  /** Throws when the jail is another's by now. */
  readonly refuseOther: (now: ObservedJail) => void;
}

interface Made {
  readonly making: Making;
  readonly contents: Pick<JailRecord, "packages" | "fileCount" | "bytes">;
  readonly buildRoot?: BuildRootSteps;
  /** Built from what another jail has, which may go meanwhile. */
  readonly sibling?: boolean;
  /** The lock file to write once the jail is as it says. */
  readonly written?: WrittenLock;
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

async function make(face: DiscoveryFace, call: Call, inputs: JailInputs, seen: Seen): Promise<Made> {
  const { desired, observed } = seen;
  const decision = decideGeneration(desired, observed, face.openedAtStart);
  switch (decision.from) {
    case "nowhere":
      throw new Error(`jail ${desired.jailName}: ${decision.because}`);
    case "kept":
      return makeKept(call, seen, decision);
    case "packages":
      return makeFromPackages(face, call, inputs, seen, decision.digest);
    case "last": {
      const { manifest, digest } = decision;
      return { making: { make: "build", manifest, from: digest }, contents: describeContents(manifest) };
    }
    case "manifest": {
      const manifest = await readManifest(call, desired, decision.digest);
      if (generationDigest(manifest) !== decision.digest) return discoverAnew(face, call, inputs, seen);
      return { making: { make: "build", manifest, from: decision.digest }, contents: describeContents(manifest) };
    }
    case "sibling": {
      const { manifest, tree } = decision;
      return { making: { make: "build", manifest, from: tree }, contents: describeContents(manifest), sibling: true };
    }
    case "lock":
      return {
        ...makeFromLock(face, inputs, desired, decision.manifest),
        contents: describeContents(decision.manifest),
      };
    case "discovery":
      return discoverAnew(face, call, inputs, seen);
  }
}

async function makeKept(call: Call, seen: Seen, { digest, mend }: Decision & { from: "kept" }): Promise<Made> {
  const { desired, observed } = seen;
  const { record } = observed;
  const current = record?.generation === digest;
  const making: Making = mend
    ? { make: "mend", digest, findings: current ? observed.findings : [] }
    : { make: "nothing", digest };
  const contents = current && record ? record : describeContents(await readManifest(call, desired, digest));
  return { making, contents };
}

async function makeFromPackages(
  face: DiscoveryFace,
  call: Call,
  inputs: JailInputs,
  seen: Seen,
  digest: string,
): Promise<Made> {
  const { desired, observed } = seen;
  const { seeds } = isSeedLost(observed.findings) ? await readManifest(call, desired, digest) : {};
  const id = buildRootId(desired);
  const source = face.buildRootDirectory(id);
  // Its packages may be newer than the host's own.
  const renew = Object.keys(observed.record?.packages ?? {});
  return {
    making: { make: "mend", digest, findings: observed.findings, source, seeds },
    contents: observed.record!,
    buildRoot: {
      open: [face.openBuildRootStep(id, lockNameOf(desired), { ...discoverySpec(inputs), renew }, false)],
      close: [face.closeBuildRootStep(id)],
    },
  };
}

/** A run that was cut may have done all but take its build root away. */
function leftBuildRoot(face: DiscoveryFace, { desired, observed }: Seen): BuildRootSteps | undefined {
  if (!observed.leftovers.includes("build root")) return undefined;
  return { open: [], close: [face.closeBuildRootStep(buildRootId(desired))] };
}

async function discoverAnew(face: DiscoveryFace, call: Call, inputs: JailInputs, seen: Seen): Promise<Made> {
  const { desired } = seen;
  const id = buildRootId(desired);
  const run = { id, urn: call.owner.urn, lock: lockNameOf(desired), progress: call.progress };
  try {
    const found = await face.discover(
      call.host,
      { ...discoverySpec(inputs), renew: seen.observed.stale.map(({ name }) => name) },
      run,
    );
    for (const note of found.notes ?? []) call.info?.(note);
    const data = (found.manifest.seeds ?? []).filter(({ bytes }) => bytes > 0);
    if (data.length > 0) call.info?.(`a new data directory gets ${describeSeeds(data)}`);
    const whole = completeDiscovery(found, inputs);
    const written = desired.renew
      ? await writtenLock(call.host, inputs, whole, found.buildRoot, face.openedAtStart)
      : undefined;
    const manifest = written?.lock.manifest ?? whole;
    return {
      written,
      making: { make: "build", manifest, source: found.buildRoot },
      contents: describeContents(manifest),
      buildRoot: { open: [], close: [face.closeBuildRootStep(id)] },
    };
  } catch (error) {
    return giveUp(face, call, seen, error);
  }
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

async function readManifest(call: Call, desired: DesiredJail, digest: string): Promise<Manifest> {
  const [text] = await call.host.ask([read(manifestPath(desired.base, digest))]);
  if (text !== undefined) return parseManifest(text);
  throw new HostError(
    "unexpected-output",
    call.host.label,
    `generation ${digest} of ${desired.jailName} has no manifest`,
  );
}
