import { sha256 } from "../manifest/digest.ts";
import { compareText } from "../manifest/entries.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";
import { canonicalPath } from "./canonical.ts";

/** A file given in the inputs. */
export interface DeclaredFile {
  readonly path: string;
  readonly content: string;
  readonly mode: string;
  readonly owner: string;
  /** Default: the owner's own. */
  readonly group?: string;
}

/** The reason in the manifest by which a declared file is known again. */
export const declaredWhy: string = "given in files";

/**
 * The next manifest purely from the last one, when nothing but files changed that were not opened at start: no build
 * root, no trace. undefined when only a new trace can tell, as what the daemon reads at start decides what else it needs.
 */
export function deriveManifest(
  built: Manifest,
  files: readonly DeclaredFile[],
  openedAtStart: (manifest: Manifest, path: string) => boolean,
): Manifest | undefined {
  const entries = new Map(built.entries.map((entry) => [entry.path, entry]));
  const declared = new Map(files.map((file) => [canonicalPath(entries, file.path), file]));
  for (const entry of built.entries) {
    if (!entry.why.includes(declaredWhy) || declared.has(entry.path)) continue;
    // Under it may lie the package's own file, whose bytes are not known here.
    if (entry.package !== undefined || openedAtStart(built, entry.path)) return undefined;
    entries.delete(entry.path);
  }
  for (const [path, file] of declared) {
    const before = entries.get(path);
    const after = entryOf(path, file, before);
    if (before && isSame(before, after)) continue;
    if ((before && before.kind !== "file") || openedAtStart(built, path)) return undefined;
    entries.set(path, after);
  }
  return { ...built, entries: [...entries.values()].sort((a, b) => compareText(a.path, b.path)) };
}

function entryOf(path: string, file: DeclaredFile, before: Entry | undefined): Entry {
  const { mode, owner, content } = file;
  const { content: _, ...kept } = before ?? { why: [] as readonly string[] };
  const group = file.group ?? (before?.owner === owner ? before.group : owner);
  const why = kept.why.includes(declaredWhy) ? kept.why : [...kept.why, declaredWhy];
  const size = Buffer.byteLength(content);
  return { ...kept, path, kind: "file", mode, owner, group, sha256: sha256(content), size, why };
}

function isSame(before: Entry, after: Entry): boolean {
  return (["kind", "mode", "owner", "group", "sha256"] as const).every((field) => before[field] === after[field]);
}
