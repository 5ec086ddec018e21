import { isDeepStrictEqual } from "node:util";
import { deriveManifest } from "../generation/derive.ts";
import { completeManifest } from "../generation/fixed.ts";
import { generationDigest, sha256 } from "../manifest/digest.ts";
import { type LockFile, parseLock, withoutEmpty } from "../manifest/lock.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { sortKeys } from "../manifest/render.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, UNKNOWN } from "../resource/unknown.ts";
import { declaredFiles, discoveryInputs, RENEWED } from "./desired.ts";
import type { JailInputs } from "./inputs.ts";

/** The lock files of the project at hand; passed in, so that the laws can run without a disk. */
export interface LockFiles {
  /** By path relative to the project's directory; undefined is "not there". */
  readonly read: (path: string) => string | undefined;
  readonly write: (path: string, text: string) => void;
  /** Are they to be written anew by this run? */
  readonly renewing: () => boolean;
}

/** What a jail is to be by its lock file. */
export interface Lock {
  readonly manifestFile: string;
  readonly checksum: string;
  /** The file's manifest with the inputs' own `files`. */
  readonly manifest: Manifest;
  readonly digest: string;
}

/** How people renew a lock file. */
export const renewal = "PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up";

/** The inputs that check derives from a lock file or a pin, so that `generation` is known in every preview. */
export interface LockInputs {
  readonly manifestDigest?: string;
  readonly generation?: string;
}

export type OpenedAtStart = (manifest: Manifest, path: string) => boolean;

/** Offline; `inputs` are complete and sound, but may hold unknown values. */
export function checkLock(
  inputs: JailInputs,
  files: LockFiles,
  openedAtStart: OpenedAtStart,
): { readonly inputs: LockInputs; readonly failures: readonly Failure[] } {
  const { manifestFile, pinnedGeneration } = inputs;
  if (pinnedGeneration !== undefined) return { inputs: { generation: pinnedGeneration }, failures: [] };
  if (manifestFile === undefined) return { inputs: {}, failures: [] };
  if (files.renewing()) return { inputs: { manifestDigest: RENEWED }, failures: [] };
  try {
    const lock = readLock(manifestFile, files);
    if (containsUnknown([discoveryInputs(inputs), inputs.files]))
      return { inputs: { manifestDigest: lock.checksum, generation: UNKNOWN }, failures: [] };
    const { digest } = applyLock(manifestFile, lock, inputs, openedAtStart);
    return { inputs: { manifestDigest: lock.checksum, generation: digest }, failures: [] };
  } catch (error) {
    return { inputs: {}, failures: [{ property: "manifestFile", reason: (error as Error).message }] };
  }
}

/** The lock of a jail that is converged; undefined when it has none. Throws when it is no longer what check has seen. */
export function lockOf(inputs: JailInputs, files: LockFiles, openedAtStart: OpenedAtStart): Lock | undefined {
  const { manifestFile, pinnedGeneration, manifestDigest } = inputs;
  if (manifestFile === undefined || pinnedGeneration !== undefined || manifestDigest === RENEWED) return undefined;
  const lock = applyLock(manifestFile, readLock(manifestFile, files), inputs, openedAtStart);
  if (manifestDigest !== undefined && lock.checksum !== manifestDigest)
    throw new Error(`${manifestFile} changed while Pulumi ran; run it again`);
  return lock;
}

function readLock(manifestFile: string, files: LockFiles): LockFile {
  const text = files.read(manifestFile);
  if (text === undefined) throw new Error(`${manifestFile} is missing; write it with ${renewal}`);
  try {
    return parseLock(text);
  } catch (error) {
    const why = error instanceof SyntaxError ? `is no JSON (${error.message})` : (error as Error).message;
    throw new Error(`${manifestFile} ${why}; renew it with ${renewal}`);
  }
}

/** The file's manifest for these inputs; throws, naming what differs, when it was written for others. */
export function applyLock(
  manifestFile: string,
  { inputs: written, manifest, checksum }: LockFile,
  inputs: JailInputs,
  openedAtStart: OpenedAtStart,
): Lock {
  const now = lockedInputs(inputs);
  const names = [...new Set([...Object.keys(written), ...Object.keys(now)])].sort();
  const changed = names.filter((name) => !isDeepStrictEqual(written[name], now[name]));
  if (changed.length > 0)
    throw new Error(`${manifestFile} was written for other inputs (${changed.join(", ")}); renew it with ${renewal}`);
  const derived = deriveManifest(completeManifest(manifest), declaredFiles(inputs.files), openedAtStart);
  if (derived === undefined)
    throw new Error(
      `${manifestFile} was written for other files, some of them read at start; renew it with ${renewal}`,
    );
  return { manifestFile, checksum, manifest: derived, digest: generationDigest(derived) };
}

/** The inputs that a lock file is for: those that decide what is found, not for how long it is tried. */
export function lockedInputs(inputs: JailInputs): Readonly<Record<string, unknown>> {
  const { discovery, ...rest } = discoveryInputs(inputs);
  const { method, probe } = discovery;
  // What `prepare` makes may be made from any of the files.
  const files = rest.prepare === undefined ? undefined : sha256(JSON.stringify(sortKeys(inputs.files)));
  return withoutEmpty({ ...rest, files, discovery: withoutEmpty({ method, probe }) });
}
