import { deriveManifest } from "../generation/derive.ts";
import { judgeRepair } from "../generation/repair.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { contentsOfFiles, type DesiredJail } from "./desired.ts";
import type { Lock } from "./lock.ts";
import type { ObservedJail } from "./observed.ts";

/** Where the generation that is wanted comes from. */
export type Decision =
  /** It is there; perhaps it needs mending. */
  | { readonly from: "kept"; readonly digest: string; readonly mend: boolean }
  /** It is there, but bytes are lost that only its packages have. */
  | { readonly from: "packages"; readonly digest: string }
  /** It is there, but not what is kept beside the tree, which its manifest tells. */
  | { readonly from: "manifest"; readonly digest: string }
  /** Only files changed that were not opened at start: all else is in the store. */
  | { readonly from: "last"; readonly manifest: Manifest; readonly digest: string }
  /** It is in the lock file: only bytes may be lacking. */
  | { readonly from: "lock"; readonly manifest: Manifest; readonly digest: string }
  /** Another jail of the host has it, but perhaps for `files` that are not read at start. */
  | { readonly from: "sibling"; readonly manifest: Manifest; readonly tree: string }
  /** It has to be discovered. */
  | { readonly from: "discovery"; readonly because: string }
  /** It is pinned and not there. */
  | { readonly from: "nowhere"; readonly because: string };

/** Decides what it takes to have the generation that the inputs ask for. Pure. */
export function decideGeneration(
  desired: DesiredJail,
  observed: ObservedJail,
  openedAtStart: (manifest: Manifest, path: string) => boolean,
): Decision {
  const { record } = observed;
  const pinned = desired.pinnedGeneration;
  if (pinned !== undefined) {
    if (!observed.kept.includes(pinned)) return { from: "nowhere", because: describeMissingPin(pinned, observed.kept) };
    return decideKept(desired, observed, pinned);
  }
  if (desired.renew) return { from: "discovery", because: "its lock file is renewed" };
  if (desired.lock !== undefined) return decideLocked(desired, observed, desired.lock);
  const anew = (because: string) => decideSibling(desired, observed, openedAtStart) ?? { from: "discovery", because };
  if (record === undefined || record.built === "") return anew("nothing was built yet");
  if (record.discovery !== desired.discoveryDigest) return anew("its inputs changed");
  if (!observed.kept.includes(record.built)) return anew(`generation ${record.built} is gone`);
  if (observed.stale.length > 0 && record.generation === record.built) return anew("packages were updated");
  if (record.files !== desired.filesDigest) return decideFiles(desired, observed, record.built, openedAtStart);
  return decideKept(desired, observed, record.built);
}

function decideSibling(
  desired: DesiredJail,
  { sibling }: ObservedJail,
  openedAtStart: (manifest: Manifest, path: string) => boolean,
): Decision | undefined {
  const manifest = sibling && deriveManifest(sibling.manifest, desired.files, openedAtStart);
  return manifest && { from: "sibling", manifest, tree: sibling.tree };
}

/** The same tree may have another launch, so the record has to name this lock; whatever is damaged, the lock can mend. */
function decideLocked(desired: DesiredJail, observed: ObservedJail, { checksum, manifest, digest }: Lock): Decision {
  const { record, kept } = observed;
  if (record?.lock === checksum && record.built === digest && kept.includes(digest)) {
    const decision = decideKept(desired, observed, digest);
    if (decision.from === "kept") return decision;
  }
  return { from: "lock", manifest, digest };
}

function decideFiles(
  desired: DesiredJail,
  observed: ObservedJail,
  built: string,
  openedAtStart: (manifest: Manifest, path: string) => boolean,
): Decision {
  const repair = observed.record?.generation === built ? judge(desired, observed) : "nothing";
  const sound = repair === "nothing" || repair === "mend";
  if (!observed.manifest || !sound) return { from: "discovery", because: "what was built last is damaged" };
  const manifest = deriveManifest(observed.manifest, desired.files, openedAtStart);
  if (!manifest) return { from: "discovery", because: "a file that is read at start changed" };
  return { from: "last", manifest, digest: built };
}

/** Findings are those of the record's generation; another one is compared when it is mended. */
function decideKept(desired: DesiredJail, observed: ObservedJail, digest: string): Decision {
  if (observed.record?.generation !== digest) return { from: "kept", digest, mend: true };
  switch (judge(desired, observed)) {
    case "nothing":
      return { from: "kept", digest, mend: false };
    case "mend":
      return { from: "kept", digest, mend: true };
    case "fetch":
      return { from: "packages", digest };
    case "rewrite":
      return { from: "manifest", digest };
    case "rebuild":
      return { from: "discovery", because: `generation ${digest} is damaged` };
  }
}

function judge(desired: DesiredJail, observed: ObservedJail) {
  return judgeRepair(observed.findings, new Set(contentsOfFiles(desired.files).keys()));
}

function describeMissingPin(pinned: string, kept: readonly string[]): string {
  const list = kept.length > 0 ? `kept are ${kept.join(", ")}` : "none is kept";
  return `pinnedGeneration ${pinned} is not kept; ${list}`;
}
