import { manifestPath } from "../generation/layout.ts";
import { isSeedLost } from "../generation/repair.ts";
import { describeSeeds } from "../generation/seed.ts";
import { HostError } from "../host/errors.ts";
import { read } from "../host/questions/read.ts";
import { generationDigest } from "../manifest/digest.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { parseManifest } from "../manifest/parse.ts";
import type { Owner } from "../ownership/ownership.ts";
import type { Call } from "../resource/kind.ts";
import { completeDiscovery } from "./complete.ts";
import { type Decision, decideGeneration } from "./decide.ts";
import { buildRootId, type DesiredJail, lockNameOf } from "./desired.ts";
import { type DiscoveryFace, discoverySpec } from "./discovery-face.ts";
import { makeFromLock } from "./from-lock.ts";
import type { JailInputs } from "./inputs.ts";
import type { ObservedJail } from "./observed.ts";
import type { BuildRootSteps, Making } from "./plan.ts";
import { describeContents, type JailRecord } from "./record.ts";
import { describeSeededFiles } from "./seeded-files.ts";
import { type WrittenLock, writtenLock } from "./write-lock.ts";

/** What was seen at the start of a call, and under which claim it may go on. */
export interface Seen {
  readonly desired: DesiredJail;
  readonly observed: ObservedJail;
  readonly owner: Owner;
  readonly hostId: string;
  /** Throws when the jail is another's by now. */
  readonly refuseOther: (now: ObservedJail) => void;
}

/** How the generation is made, and what is known of it. */
export interface Made {
  readonly making: Making;
  readonly contents: Pick<JailRecord, "packages" | "fileCount" | "bytes">;
  readonly buildRoot?: BuildRootSteps;
  /** Built from what another jail has, which may go meanwhile. */
  readonly sibling?: boolean;
  /** The lock file to write once the jail is as it says. */
  readonly written?: WrittenLock;
}

/** Finds out where the generation comes from, and what it takes to make it: a discovery, if need be. */
export async function make(face: DiscoveryFace, call: Call, inputs: JailInputs, seen: Seen): Promise<Made> {
  const made = await makeAsDecided(face, call, inputs, seen);
  const { making } = made;
  const seeded = making.make === "build" ? describeSeededFiles(seen.desired.files, making.manifest) : [];
  for (const line of seeded) call.info?.(line);
  return made;
}

async function makeAsDecided(face: DiscoveryFace, call: Call, inputs: JailInputs, seen: Seen): Promise<Made> {
  const { desired, observed } = seen;
  const decision = decideGeneration(desired, observed, face.openedAtStart);
  switch (decision.from) {
    case "nowhere":
      throw new Error(`${call.host.label}: jail ${desired.jailName}: ${decision.because}`);
    case "kept":
      return makeKept(call, seen, decision);
    case "packages":
      return makeFromPackages(face, call, inputs, seen, decision.digest);
    case "last": {
      const { manifest, digest } = decision;
      // What differs in a tree may be lacking in the store as well.
      const known = observed.findings.length === 0 ? observed.manifest : undefined;
      return { making: { make: "build", manifest, from: digest, known }, contents: describeContents(manifest) };
    }
    case "manifest": {
      const manifest = await readManifest(call, desired, decision.digest);
      if (generationDigest(manifest) !== decision.digest) return discoverAnew(face, call, inputs, seen);
      return { making: { make: "build", manifest, from: decision.digest }, contents: describeContents(manifest) };
    }
    case "sibling": {
      const { manifest, tree } = decision;
      const known = observed.sibling?.manifest;
      return {
        making: { make: "build", manifest, from: tree, known },
        contents: describeContents(manifest),
        sibling: true,
      };
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
export function leftBuildRoot(face: DiscoveryFace, { desired, observed }: Seen): BuildRootSteps | undefined {
  if (!observed.leftovers.includes("build root")) return undefined;
  return { open: [], close: [face.closeBuildRootStep(buildRootId(desired))] };
}

async function discoverAnew(face: DiscoveryFace, call: Call, inputs: JailInputs, seen: Seen): Promise<Made> {
  const { desired } = seen;
  const id = buildRootId(desired);
  const run = { id, urn: call.owner.urn, lock: lockNameOf(desired), progress: call.progress };
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
