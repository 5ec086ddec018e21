import type { Entry, EntryKind, Manifest } from "./manifest.ts";
import { treeMode } from "./tree-mode.ts";

/**
 * The manifest's entries as the host reads them, a line each: what a generation's digest is taken over, and what its
 * tree is built from and compared with by perl, which has no JSON in perl-base.
 *
 * `KIND TREEMODE MODE OWNER GROUP VALUE PATH` between tabs; VALUE is a file's sha256 (or `made`: the host makes it from
 * the tree itself), a link's target, a device's `c 1:3`, else `-`. Tab, newline and backslash are escaped as in C.
 */
export function renderEntries(manifest: Pick<Manifest, "entries" | "launch">): string {
  const names = trustedNames(manifest.launch.users);
  return [...manifest.entries]
    .sort((a, b) => compareText(a.path, b.path))
    .map((entry) => `${renderEntry(entry, treeMode(entry, names))}\n`)
    .join("");
}

/** Is there anything at this path in a generation? `text` is its entries file. */
export function hasPath(text: string, path: string): boolean {
  return text.includes(`\t${escaped(path)}\n`);
}

const letters: Readonly<Record<EntryKind, string>> = { file: "f", directory: "d", symlink: "l", device: "c" };

function renderEntry(entry: Entry, mode: string): string {
  const fields = [letters[entry.kind], mode, entry.mode, entry.owner, entry.group, valueIn(entry), entry.path];
  return fields.map(escaped).join("\t");
}

function valueIn(entry: Entry): string {
  if (entry.kind === "file") return entry.sha256 ?? "made";
  if (entry.kind === "symlink") return entry.target ?? "";
  return entry.kind === "device" ? (entry.device ?? "") : "-";
}

/** The names whose files the daemon may read. */
export function trustedNames(users: Manifest["launch"]["users"]) {
  return {
    users: new Set(users.map((user) => user.name)),
    groups: new Set(users.flatMap((user) => [user.group, ...(user.groups ?? [])])),
  };
}

/** Tab, newline and backslash as in C, for lines that perl reads. */
export function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n");
}

/** What `escaped` made, as it was. */
export function unescaped(text: string): string {
  return text.replace(/\\([tn\\])/g, (_, letter: string) => ({ t: "\t", n: "\n" })[letter] ?? "\\");
}

/** By code unit, so that neither locale nor platform has a say in a digest. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
