import type { DeclaredFile } from "../generation/derive.ts";
import { jailBase } from "../generation/layout.ts";
import { sha256 } from "../manifest/digest.ts";
import { sortKeys } from "../manifest/render.ts";
import { bareSource, suiteKeyOf } from "../manifest/source.ts";
import type { JailInputs } from "./inputs.ts";
import type { Lock } from "./lock.ts";

/** `manifestDigest` of a jail whose lock file this run writes. */
export const RENEWED = "renewed";

/** What the inputs ask for, in the terms of the host. */
export interface DesiredJail {
  readonly jailName: string;
  readonly base: string;
  readonly files: readonly DeclaredFile[];
  /** Stands for every input that decides what is discovered; of `files` only where `prepare` may read them. */
  readonly discoveryDigest: string;
  readonly filesDigest: string;
  /** Packages of which one version was asked for. */
  readonly fixedPackages: readonly string[];
  /** The key of the suite that its packages come from; none for the host's own. */
  readonly suite?: string;
  readonly pinnedGeneration?: string;
  /** What the lock file asks for, when there is one. */
  readonly lock?: Lock;
  /** Its lock file is to be written: nothing that is there already will do. */
  readonly renew: boolean;
  readonly keepGenerations: number;
}

export function desiredJail(inputs: JailInputs, lock?: Lock): DesiredJail {
  const files = declaredFiles(inputs.files);
  const marks = files.map(({ content: text, ...file }) => ({ ...file, sha256: sha256(text) }));
  const sortedMarks = marks.sort((a, b) => (a.path < b.path ? -1 : 1));
  const wanted = discoveryInputs(inputs);
  return {
    jailName: inputs.jailName,
    base: jailBase(inputs.jailName),
    files,
    discoveryDigest: digestOf(inputs.prepare === undefined ? wanted : { ...wanted, files: sortedMarks }),
    filesDigest: digestOf(sortedMarks),
    fixedPackages: inputs.packages.filter((name) => name.includes("=")).map((name) => name.replace(/[:=].*/, "")),
    suite: suiteKeyOf(bareSource(inputs.source, inputs.content)),
    pinnedGeneration: inputs.pinnedGeneration,
    ...(lock && { lock }),
    renew: inputs.manifestDigest === RENEWED,
    keepGenerations: inputs.keepGenerations,
  };
}

/** The inputs that decide what is discovered, but for `files`. */
export function discoveryInputs(inputs: JailInputs) {
  const { packages, unit, programs, source, content, include, exclude, users, prepare, discovery } = inputs;
  return { packages, unit, programs, source, content, include, exclude, users, prepare, discovery };
}

/** `files` of the inputs, with owner and group apart. */
export function declaredFiles(files: JailInputs["files"]): readonly DeclaredFile[] {
  return Object.entries(files).map(([path, file]) => declaredFile(path, file));
}

/** By sha256, the bytes that the inputs hold. */
export function contentsOfFiles(files: readonly DeclaredFile[]): ReadonlyMap<string, string> {
  return new Map(files.map(({ content }) => [sha256(content), content]));
}

function declaredFile(path: string, file: JailInputs["files"][string]): DeclaredFile {
  const [owner = "root", group] = file.owner.split(":");
  return { path, content: file.content, mode: file.mode, owner, group };
}

function digestOf(value: unknown): string {
  return sha256(JSON.stringify(sortKeys(value)));
}

/** The build root's name on the host; ask-jail.sh knows it too. */
export function buildRootId(desired: DesiredJail): string {
  return `jail-${desired.jailName}`;
}

/** What every plan of this jail locks. */
export function lockNameOf(desired: DesiredJail): string {
  return `jail/${desired.jailName}`;
}
