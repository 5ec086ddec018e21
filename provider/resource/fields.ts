import { isDeepStrictEqual } from "node:util";
import type { Connection } from "../host/connection.ts";
import type { CommonOutputs } from "./hidden.ts";
import type { CommonInputs, Diff } from "./kind.ts";
import { containsUnknown } from "./unknown.ts";

/**
 * What a change of one field does. `update` covers restarts and reloads, which `note` tells; `none` is no change at
 * all. One table per resource is the single source of diff and documentation.
 */
export interface Field<Value> {
  readonly effect: "update" | "replace" | "none";
  /** What the user reads in the preview's row, when there is something to say. */
  readonly note?: (before: Value | undefined, after: Value | undefined) => string | undefined;
}

export type FieldTable<Inputs> = {
  readonly [Name in Exclude<keyof Inputs, "connection" | "__jail">]-?: Field<Inputs[Name]>;
};

/** Compares state and inputs by the table; drift and unfinished work are changes; an unknown is never a replacement. */
export function diffFields<Inputs extends CommonInputs>(
  table: FieldTable<Inputs>,
  olds: Inputs & CommonOutputs,
  news: Inputs,
): Diff {
  const connection = diffConnection(olds.connection, news.connection);
  const forced = forcedReplacements(news.__jail?.replaceOnChanges ?? []);
  let changes = connection !== "none" || olds.unfinished === true || (olds.drift ?? []).length > 0;
  const replaces: string[] = connection === "replace" ? ["connection"] : [];
  if (connection === "update" && forced("connection")) replaces.push("connection");
  // Without --diff a preview shows no outputs: the sentences on the resource's row are how drift is seen there.
  const notes = (olds.drift ?? []).map((sentence) => `drift: ${sentence}`);
  if (olds.unfinished) notes.push("goes on with what the last update left unfinished");
  for (const name of Object.keys(table) as (keyof FieldTable<Inputs> & string)[]) {
    const field = table[name] as Field<unknown>;
    const before = olds[name as keyof Inputs] as unknown;
    const after = news[name as keyof Inputs] as unknown;
    if (field.effect === "none" || isDeepStrictEqual(before ?? undefined, after ?? undefined)) continue;
    changes = true;
    const known = !containsUnknown(after);
    if (known && (field.effect === "replace" || forced(name))) replaces.push(name);
    const note = known ? field.note?.(before, after) : undefined;
    if (note) notes.push(note);
  }
  return { changes, replaces, deleteBeforeReplace: false, notes };
}

/**
 * `host` and `hostKey` without a key in common is another machine; anything else that names the way to the same
 * machine is an update that writes nothing; what never enters a diff: agentSocketPath and dialling (api: connection).
 */
export function diffConnection(before: Connection, after: Connection): "none" | "update" | "replace" {
  if (containsUnknown(after)) return "update";
  if (isDeepStrictEqual(comparable(before), comparable(after))) return "none";
  const keysBefore = new Set((before?.hostKey ?? "").split("\n"));
  const shared = (after.hostKey ?? "").split("\n").some((line) => keysBefore.has(line));
  return before?.host !== after.host && !shared ? "replace" : "update";
}

function comparable(connection: Connection | undefined): unknown {
  if (!connection) return undefined;
  const { agentSocketPath: _a, dialErrorLimit: _d, perDialTimeout: _p, name: _n, proxy, ...rest } = connection;
  return { ...rest, proxy: comparable(proxy) };
}

/** The engine ignores `replaceOnChanges` without a detailed diff, `["*"]` too; our diff obeys it instead. */
function forcedReplacements(paths: readonly string[]): (name: string) => boolean {
  const roots = new Set(paths.map((path) => path.split(/[.[]/, 1)[0]));
  return (name) => roots.has("*") || roots.has(name);
}
