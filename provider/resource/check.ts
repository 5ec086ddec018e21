import * as v from "valibot";
import type { Failure } from "./kind.ts";
import { isUnknown } from "./unknown.ts";

/** Lets an unknown value pass as it is and holds every known one to `schema`. Wrap every leaf and every object in it. */
export function known<const Schema extends v.GenericSchema>(schema: Schema): v.GenericSchema<v.InferInput<Schema>> {
  return v.lazy((input) => (isUnknown(input) ? v.any() : schema)) as v.GenericSchema<v.InferInput<Schema>>;
}

/** Every failure of `candidate` at once, each with its exact path, in the order of the schema's fields. */
export function failuresOf(schema: v.GenericSchema, candidate: unknown): readonly Failure[] {
  const result = v.safeParse(schema, candidate, { abortEarly: false });
  if (result.success) return [];
  return result.issues.map((issue) => ({
    property: renderPath((issue.path ?? []).map((part) => part.key as string | number)),
    reason: issue.message,
  }));
}

/** `ports.http.hostPort`, `include[2]`, `files["/etc/passwd"]`: as one would write it in the program. */
export function renderPath(keys: readonly (string | number)[]): string {
  return keys.reduce<string>((path, key) => {
    if (typeof key === "number") return `${path}[${key}]`;
    if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
    return path === "" ? key : `${path}.${key}`;
  }, "");
}

/** A value as messages show it: quoted text, JSON else, cut at 60 characters. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** The names that users give to objects on a host; also what `jailed-NAME@a.service` can carry. */
export function nameSchema(): v.GenericSchema<string> {
  return known(
    v.pipe(
      v.string((issue) => `${shown(issue.input)} is not a string`),
      v.regex(/^[a-z][a-z0-9-]{0,39}$/, (issue) => {
        const odd = String(issue.input).match(/[^a-z0-9-]/);
        return odd
          ? `${shown(odd[0])} is not allowed; use a-z, 0-9 and "-", at most 40`
          : `${shown(issue.input)} is no name; it begins with a letter and has at most 40 of a-z, 0-9 and "-"`;
      }),
    ),
  );
}

/** An absolute path without `..`, control characters or a trailing slash. */
export function absolutePathSchema(): v.GenericSchema<string> {
  return known(
    v.pipe(
      v.string((issue) => `${shown(issue.input)} is not a string`),
      v.check(isAbsolutePath, (issue) => `${shown(issue.input)} is not an absolute path`),
      v.check(isPlainPath, (issue) => `${shown(issue.input)} has "..", an empty part or a control character`),
    ),
  );
}

function isAbsolutePath(path: string): boolean {
  return path.startsWith("/");
}

function isPlainPath(path: string): boolean {
  if ([...path].some((character) => character < " " || character === "\x7f")) return false;
  return !path
    .slice(1)
    .split("/")
    .some((part) => part === "" || part === "..");
}

/** A decided-once default, as in autonaming: what is given, else what the state has, else the resource's own name. */
export function decideName(given: unknown, old: unknown, resourceName: unknown): unknown {
  return given ?? old ?? resourceName;
}
