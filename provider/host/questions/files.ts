import type { Question } from "../question.ts";

/** What `lstat` says of a path that exists. */
export interface FileFacts {
  readonly path: string;
  readonly type: "file" | "directory" | "link" | "character" | "block" | "fifo" | "socket" | "other";
  /** Four octal digits, such as `0644`. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly size: number;
  /** Of regular files only. */
  readonly sha256?: string;
  /** Of links only. */
  readonly target?: string;
}

/** Asks what is at each path, links not followed; undefined is only what the kernel says is not there (law 8). */
export function files(paths: readonly string[]): Question<ReadonlyMap<string, FileFacts | undefined>> {
  return { ask: "files", args: paths, parse: (text) => parseFiles(paths, text) };
}

function parseFiles(paths: readonly string[], text: string): ReadonlyMap<string, FileFacts | undefined> {
  const lines = text.split("\n").filter((line) => line !== "");
  if (lines.length !== paths.length) throw new Error(`${lines.length} lines for ${paths.length} paths`);
  return new Map(paths.map((path, index) => [path, parseLine(path, lines[index]!)]));
}

function parseLine(path: string, line: string): FileFacts | undefined {
  if (line === "absent") return undefined;
  const words = line.split(" ");
  const [type, mode, owner, group, size, sha256, target] = words;
  if (words.length !== 7 || !types.includes(type as FileFacts["type"])) throw new Error(`"${line}" describes no file`);
  return {
    path,
    type: type as FileFacts["type"],
    mode: mode!,
    owner: owner!,
    group: group!,
    size: Number(size),
    ...(sha256 === "-" ? {} : { sha256 }),
    ...(type === "link" ? { target: decode(target!) } : {}),
  };
}

const types: readonly FileFacts["type"][] = [
  "file",
  "directory",
  "link",
  "character",
  "block",
  "fifo",
  "socket",
  "other",
];

function decode(target: string): string {
  const bytes = target.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
