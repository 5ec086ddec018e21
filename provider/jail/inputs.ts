import type { Source } from "../manifest/source.ts";
import { decideName, failuresOf } from "../resource/check.ts";
import { diffFields, type Field, type FieldTable } from "../resource/fields.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import type { Checked, CommonInputs, Diff, Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown } from "../resource/unknown.ts";
import { RENEWED } from "./desired.ts";
import { jailSchema } from "./schema.ts";
import { failuresOfSource } from "./source-schema.ts";

/** Checked inputs of a Jail: every default is filled in. */
export interface JailInputs extends CommonInputs {
  readonly jailName: string;
  readonly packages: readonly string[];
  readonly unit?: string;
  readonly programs: readonly string[];
  readonly source: Source;
  readonly content: "minimal" | "full";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly files: Readonly<Record<string, { readonly content: string; readonly mode: string; readonly owner: string }>>;
  readonly prepare?: string;
  readonly discovery: {
    readonly method: "trace" | "static" | "none";
    readonly probe?: JailProbe | readonly JailProbe[];
    readonly rounds: number;
    readonly deadlineSeconds: number;
  };
  readonly users: readonly string[];
  /** Path of the lock file, relative to the project's directory. */
  readonly manifestFile?: string;
  /** Stands for the lock file's content; check fills it in. */
  readonly manifestDigest?: string;
  /** Known in preview with a lock file or a pin; check fills it in. */
  readonly generation?: string;
  readonly pinnedGeneration?: string;
  readonly keepGenerations: number;
}

/** What a jail is probed by while it is traced; default: what the daemon listens on. */
export interface JailProbe {
  readonly jailPort?: number;
  readonly type?: "http" | "tcp" | "exec" | "script";
  readonly path?: string;
  readonly expectStatus?: string;
  readonly command?: readonly string[];
  readonly script?: string;
}

export interface JailOutputs extends CommonOutputs {
  readonly jailName: string;
  /** Of the lock file, once it is written. */
  readonly manifestDigest?: string;
  /** The generation that services are to use: 16 hex; empty as long as none was ever complete. */
  readonly generation: string;
  /** Its tree on the host; empty when there is none. */
  readonly rootDirectory: string;
  /** Name to version; the input `packages` is a list, and one key of the state can't be both. */
  readonly packageVersions: Readonly<Record<string, string>>;
  readonly fileCount: number;
  readonly bytes: number;
}

/** All failures at once, offline; unknown values pass; defaults are filled in. */
export function checkJail(
  olds: Partial<JailInputs> | undefined,
  news: Readonly<Record<string, unknown>>,
): Checked<JailInputs> {
  const hidden = news["__jail"] as { readonly name?: string } | undefined;
  const filled: Readonly<Record<string, unknown>> = {
    ...news,
    jailName: decideName(news["jailName"], olds?.jailName, hidden?.name),
    ...fill(news, { packages: [], programs: [], include: [], exclude: [], users: [], files: {} }),
    ...fill(news, { source: "host", content: "minimal", keepGenerations: 3 }),
    discovery: fillObject(news["discovery"] ?? {}, {
      method: news["unit"] === undefined ? "static" : "trace",
      rounds: 3,
      deadlineSeconds: 300,
    }),
  };
  const failures = [
    ...failuresOf(jailSchema, filled),
    ...failuresTogether(filled),
    ...failuresOfSource(filled["source"]),
  ];
  return { inputs: { ...filled, files: fillFiles(filled["files"]) } as unknown as JailInputs, failures };
}

const builds: Field<unknown> = {
  effect: "update",
  note: () => "builds a new generation beside; what runs is untouched until its service switches",
};

/** What a change of each input does (api: Jail); the JSDoc of `JailArgs` says the same. */
export const jailFields: FieldTable<JailInputs> = {
  jailName: { effect: "replace" },
  adopt: { effect: "none" },
  packages: builds,
  unit: builds,
  programs: builds,
  source: builds,
  content: builds,
  include: builds,
  exclude: builds,
  prepare: builds,
  discovery: builds,
  users: builds,
  files: { effect: "update", note: noteFiles },
  manifestFile: { effect: "update" },
  manifestDigest: { effect: "update", note: noteLock },
  generation: { effect: "update" },
  pinnedGeneration: {
    effect: "update",
    note: (_before, after) => (after ? `chooses generation ${after}; builds nothing` : "goes back to the newest build"),
  },
  keepGenerations: { effect: "update", note: () => "removes surplus generations that no service uses" },
};

export function diffJail(olds: JailInputs & JailOutputs, news: JailInputs): Diff {
  // Without a lock file or pin nothing is asked for by this name: the old output is no difference.
  const asked = news.generation === undefined ? { ...news, generation: olds.generation } : news;
  const diff = diffFields(jailFields, olds, asked);
  return { ...diff, notes: [...new Set(diff.notes)] };
}

function noteLock(_before: string | undefined, after: string | undefined): string {
  if (after === RENEWED) return "discovers anew and writes the lock file";
  return after === undefined ? "is built without a lock file from now on" : "builds what the lock file says";
}

function noteFiles(before: JailInputs["files"] | undefined, after: JailInputs["files"] | undefined): string {
  const paths = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  const changed = [...paths].filter((path) => JSON.stringify(before?.[path]) !== JSON.stringify(after?.[path])).sort();
  const shown = changed.slice(0, 3).join(", ") + (changed.length > 3 ? `, and ${changed.length - 3} more` : "");
  return `builds a new generation with another ${shown}`;
}

function fill(news: Readonly<Record<string, unknown>>, defaults: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, news[name] ?? value]));
}

function fillObject(given: unknown, defaults: Readonly<Record<string, unknown>>): unknown {
  if (typeof given !== "object" || given === null) return given;
  return { ...given, ...fill(given as Readonly<Record<string, unknown>>, defaults) };
}

function fillFiles(files: unknown): unknown {
  if (typeof files !== "object" || files === null) return files;
  return Object.fromEntries(
    Object.entries(files).map(([path, file]) => [
      path,
      normalizeMode(fillObject(file, { mode: "0644", owner: "root" })),
    ]),
  );
}

/** `644` is `0644`, so that the two never make a diff. */
function normalizeMode(file: unknown): unknown {
  const mode = (file as { readonly mode?: unknown } | null)?.mode;
  return typeof mode === "string" && /^[0-7]{3}$/.test(mode) ? { ...(file as object), mode: `0${mode}` } : file;
}

/** What only several inputs together say. */
function failuresTogether(news: Readonly<Record<string, unknown>>): readonly Failure[] {
  const { packages, unit, programs, discovery } = news;
  if ([packages, unit, programs].some(containsUnknown)) return [];
  const count = (list: unknown) => (Array.isArray(list) ? list.length : 1);
  const enough = count(programs) > 0 || (count(packages) > 0 && unit !== undefined);
  if (!enough) return [{ property: "packages", reason: "give packages and a unit, or programs" }];
  const method = isUnknown(discovery) ? undefined : (discovery as { readonly method?: unknown } | null)?.method;
  if (method === "trace" && unit === undefined)
    return [{ property: "discovery.method", reason: '"trace" needs a unit; with programs alone set "static"' }];
  return [];
}
