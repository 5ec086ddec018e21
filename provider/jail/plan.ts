import { sweepSuitesStep } from "../discovery/steps.ts";
import { assembleSteps } from "../generation/assemble.ts";
import type { Finding } from "../generation/findings.ts";
import { pruneStep, removeGenerationsStep, surplusOf } from "../generation/remove.ts";
import { mendSteps } from "../generation/repair.ts";
import type { Step } from "../host/step.ts";
import { expectFile, makeDirectory, removeTree, sweepState, writeFile } from "../host/steps/files.ts";
import { generationDigest, sha256 } from "../manifest/digest.ts";
import type { Manifest, Seed } from "../manifest/manifest.ts";
import { type Owner, renderOwner } from "../ownership/ownership.ts";
import { contentsOfFiles, type DesiredJail } from "./desired.ts";
import type { ObservedJail } from "./observed.ts";
import { type JailRecord, renderRecord } from "./record.ts";

/** What the plan has to bring about, once it is known where the generation comes from. */
export type Making =
  | { readonly make: "nothing"; readonly digest: string }
  | {
      readonly make: "mend";
      readonly digest: string;
      readonly findings: readonly Finding[];
      readonly source?: string;
      /** Known when the seed has to be packed anew. */
      readonly seeds?: readonly Seed[];
    }
  | {
      readonly make: "build";
      readonly manifest: Manifest;
      readonly source?: string;
      readonly from?: string;
      /** What the tree of `from` was just seen to hold, sound. */
      readonly known?: Manifest;
      /** The source lacks the declared files: they are sent. */
      readonly sendFiles?: boolean;
    };

/** Steps around a build root, when one is open or has to be opened. */
export interface BuildRootSteps {
  readonly open: readonly Step[];
  readonly close: readonly Step[];
}

/**
 * From a jail as it is to one whose record names the wanted generation, complete and sound: no step when it is so already.
 * The mark comes first, so that whatever a cut run leaves is known as ours; the record last.
 */
export function planJail(
  desired: DesiredJail,
  observed: ObservedJail,
  owner: Owner,
  making: Making,
  record: JailRecord,
  buildRoot?: BuildRootSteps,
): readonly Step[] {
  const digest = record.generation;
  const kept = [...new Set([digest, ...observed.kept])];
  const surplus = surplusOf(kept, observed.used, digest, desired.keepGenerations);
  const steps = [
    ...planOwner(desired, observed, owner),
    ...(buildRoot?.open ?? []),
    ...planMaking(desired, making),
    ...planRecord(desired, observed, record),
    ...(buildRoot?.close ?? []),
    ...(surplus.length > 0 || observed.leftovers.length > 0
      ? [pruneStep(desired.base, digest, desired.keepGenerations)]
      : []),
    ...planSuite(observed, record.suite),
  ];
  return steps.length > 0 ? [expectOwner(desired, observed), ...steps] : [];
}

/** After a failure: what was half done goes, first of all where the disk is full; then whose this is, for the next run. */
export function planFailed(
  desired: DesiredJail,
  observed: ObservedJail,
  owner: Owner,
  close: readonly Step[],
): readonly Step[] {
  const current = observed.record?.generation || "-";
  return [
    expectOwner(desired, observed),
    ...close,
    pruneStep(desired.base, current, desired.keepGenerations, "removing what was half done"),
    ...planOwner(desired, observed, owner),
  ];
}

/** Takes a jail away with all its generations, and what the store and the state directory hold for it alone. */
export function planRemoval(desired: DesiredJail, observed: ObservedJail, close: readonly Step[]): readonly Step[] {
  const sweep = desired.suite === undefined ? planSuite(observed, undefined) : [sweepSuitesStep()];
  if (observed.directory === "absent") return [...close, removeTree(desired.base), ...sweep, sweepState()];
  return [
    expectOwner(desired, observed),
    ...close,
    removeGenerationsStep(desired.base),
    removeTree(desired.base, `removing jail ${desired.jailName}`),
    ...sweep,
    sweepState(),
  ];
}

/** A suite that this jail had and needs no more: perhaps no other does. */
function planSuite({ record }: ObservedJail, suite: string | undefined): readonly Step[] {
  return record?.suite === undefined || record.suite === suite ? [] : [sweepSuitesStep()];
}

/** What the record says once a generation is chosen; `contents` are of that generation. */
export function recordOf(
  desired: DesiredJail,
  owner: Owner,
  before: JailRecord | undefined,
  digest: string,
  contents: Pick<JailRecord, "packages" | "fileCount" | "bytes">,
): JailRecord {
  const { packages, fileCount, bytes } = contents;
  const pinned = desired.pinnedGeneration !== undefined;
  return {
    schema: 1,
    claim: owner.claim,
    generation: digest,
    built: pinned ? (before?.built ?? digest) : digest,
    discovery: pinned ? (before?.discovery ?? "") : desired.discoveryDigest,
    files: pinned ? (before?.files ?? "") : desired.filesDigest,
    lock: pinned ? before?.lock : desired.lock?.checksum,
    suite: desired.suite,
    packages,
    fileCount,
    bytes,
  };
}

/** The generation that a making ends with. */
export function digestOfMaking(making: Making): string {
  return making.make === "build" ? generationDigest(making.manifest) : making.digest;
}

function planMaking(desired: DesiredJail, making: Making): readonly Step[] {
  const contents = contentsOfFiles(desired.files);
  switch (making.make) {
    case "nothing":
      return [];
    case "mend":
      return mendSteps(desired.base, making.digest, making.findings, contents, making.source, making.seeds);
    case "build": {
      const { manifest, source, from, known, sendFiles } = making;
      return assembleSteps({
        base: desired.base,
        manifest,
        source,
        from,
        known,
        contents: contentsIn(manifest, contents, sendFiles ? undefined : source),
      });
    }
  }
}

/** A build root holds the declared files already; without one, they come from the inputs. */
function contentsIn(manifest: Manifest, contents: ReadonlyMap<string, string>, source: string | undefined) {
  if (source !== undefined) return new Map<string, string>();
  const wanted = new Set(manifest.entries.map((entry) => entry.sha256));
  return new Map([...contents].filter(([hash]) => wanted.has(hash)));
}

/** The first step of every plan: what was observed must still hold under the lock. */
function expectOwner(desired: DesiredJail, { ownerText }: ObservedJail): Step {
  const expected = ownerText === undefined ? undefined : sha256(ownerText);
  return expectFile(`${desired.base}/owner.json`, expected, `checking that jail ${desired.jailName} is as it was seen`);
}

function planOwner(desired: DesiredJail, observed: ObservedJail, owner: Owner): readonly Step[] {
  const content = renderOwner(owner);
  if (observed.ownerText === content) return [];
  const mark = { path: `${desired.base}/owner.json`, mode: "0600", owner: "root:root", content };
  return [
    makeDirectory({ path: desired.base, mode: "0700", owner: "root:root" }, `making jail ${desired.jailName}`),
    writeFile(mark, `marking jail ${desired.jailName} as ours`),
  ];
}

function planRecord(desired: DesiredJail, observed: ObservedJail, record: JailRecord): readonly Step[] {
  const content = renderRecord(record);
  if (observed.recordText === content) return [];
  const file = { path: `${desired.base}/record.json`, mode: "0600", owner: "root:root", content };
  return [writeFile(file, `choosing generation ${record.generation}`)];
}
