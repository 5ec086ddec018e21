import type { DeclaredFile } from "../generation/derive.ts";
import { jailBase } from "../generation/layout.ts";
import { sha256 } from "../manifest/digest.ts";
import { sortKeys } from "../manifest/render.ts";
import type { JailInputs } from "./inputs.ts";

/** What the inputs ask for, in the terms of the host. */
export interface DesiredJail {
  readonly jailName: string;
  readonly base: string;
  readonly files: readonly DeclaredFile[];
  /** Stands for every input that decides what is discovered; of `files` only where `prepare` may read them. */
  readonly discoveryDigest: string;
  readonly filesDigest: string;
  readonly pinnedGeneration?: string;
  readonly keepGenerations: number;
}

export function desiredJail(inputs: JailInputs): DesiredJail {
  const { packages, unit, programs, source, content, include, exclude, users, prepare, discovery } = inputs;
  const files = Object.entries(inputs.files).map(([path, file]) => declaredFile(path, file));
  const marks = files.map(({ content: text, ...file }) => ({ ...file, sha256: sha256(text) }));
  const sortedMarks = marks.sort((a, b) => (a.path < b.path ? -1 : 1));
  const wanted = { packages, unit, programs, source, content, include, exclude, users, prepare, discovery };
  return {
    jailName: inputs.jailName,
    base: jailBase(inputs.jailName),
    files,
    discoveryDigest: digestOf(prepare === undefined ? wanted : { ...wanted, files: sortedMarks }),
    filesDigest: digestOf(sortedMarks),
    pinnedGeneration: inputs.pinnedGeneration,
    keepGenerations: inputs.keepGenerations,
  };
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
