import * as v from "valibot";
import { sha256 } from "./digest.ts";
import { compareText } from "./entries.ts";
import type { Entry, Manifest } from "./manifest.ts";
import { parseManifest } from "./parse.ts";
import { sortKeys } from "./render.ts";

/** A manifest in the user's repository: what a jail holds from now on, whatever its host's package index says. */
export interface LockFile {
  /** The inputs that it was written for, those left out that are empty; `files` are no part of it. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Completed by `completeManifest`. */
  readonly manifest: Manifest;
  /** 16 hex of its canonical content: stands for the file in inputs and records. */
  readonly checksum: string;
}

/**
 * The file's text, made to be reviewed: a package and an entry per line in a stable order, versions told once. The
 * checksum is over the content, not the text, so that a formatter does no harm and a hand that edits it does.
 */
export function renderLock({ inputs, manifest }: Omit<LockFile, "checksum">): string {
  const content = contentOf(inputs, manifest);
  const { entries, denied, origins, ...rest } = content;
  const head = { lock: 1, checksum: checksumOf(content), ...rest };
  const parts = [
    JSON.stringify(head, undefined, 1).replace(/^\{\n|\n\}$/g, ""),
    ...(origins === undefined ? [] : [linesOf("origins", "{}", Object.entries(origins).map(renderPair))]),
    ...(denied === undefined ? [] : [linesOf("denied", "[]", denied.map(renderLine))]),
    linesOf("entries", "[]", entries.map(renderLine)),
  ];
  return `{\n${parts.join(",\n")}\n}\n`;
}

function linesOf(key: string, [open, close]: string, lines: readonly string[]): string {
  return ` "${key}": ${open}\n${lines.join(",\n")}\n ${close}`;
}

function renderPair([name, value]: readonly [string, unknown]): string {
  return `${JSON.stringify(name)}: ${JSON.stringify(value)}`;
}

function renderLine(value: object): string {
  return JSON.stringify(value);
}

/** Throws with a sentence when the text is no lock file of a version that is known here, or was edited by hand. */
export function parseLock(text: string): LockFile {
  const given: unknown = JSON.parse(text);
  if (!v.is(shape, given)) throw new Error("is no lock file of this version");
  const { lock: _, checksum, inputs, ...rest } = given;
  if (checksum !== checksumOf({ inputs, ...rest }))
    throw new Error("was edited by hand or merged: its checksum differs");
  const entries = rest.entries.map((entry) => whole(entry, rest.packages));
  return { inputs, checksum, manifest: parseManifest(JSON.stringify({ ...rest, schema: 1, entries })) };
}

/** The inputs without what is empty, so that an input which a later version knows besides is no difference. */
export function withoutEmpty(inputs: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept = Object.entries(inputs).filter(([, value]) => value !== undefined && !isEmpty(value));
  return sortKeys(Object.fromEntries(kept)) as Readonly<Record<string, unknown>>;
}

const shape = v.looseObject({
  lock: v.literal(1),
  checksum: v.string(),
  inputs: v.record(v.string(), v.unknown()),
  packages: v.record(v.string(), v.string()),
  entries: v.array(v.looseObject({ path: v.string(), package: v.optional(v.string()) })),
});

interface Content {
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly entries: readonly object[];
  readonly origins?: object;
  readonly denied?: readonly object[];
}

function contentOf(inputs: LockFile["inputs"], manifest: Manifest): Content {
  const { schema: _, entries, ...rest } = manifest;
  const sorted = [...entries].sort((a, b) => compareText(a.path, b.path));
  return {
    inputs: withoutEmpty(inputs),
    ...(sortKeys(rest) as object),
    entries: sorted.map((entry) => brief(entry, manifest.packages)),
  };
}

/** A package's version is told once: else a new one would change the line of each of its files. Root goes without saying. */
function brief(entry: Entry, packages: Manifest["packages"]): object {
  const { path, version, owner, group, ...rest } = entry;
  const told = entry.package !== undefined && packages[entry.package] === version;
  const unusual = {
    version: told ? undefined : version,
    owner: owner === "root" ? undefined : owner,
    group: group === "root" ? undefined : group,
  };
  return { path, ...(sortKeys({ ...rest, ...unusual }) as object) };
}

function whole(entry: { readonly package?: string }, packages: Manifest["packages"]): object {
  const version = entry.package === undefined ? undefined : packages[entry.package];
  return { owner: "root", group: "root", ...(version !== undefined && { version }), ...entry };
}

function checksumOf(content: object): string {
  return sha256(JSON.stringify(sortKeys(content))).slice(0, 16);
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0;
}
