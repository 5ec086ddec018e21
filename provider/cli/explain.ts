import { matchesGlob } from "../discovery/glob.ts";
import { canonicalPath } from "../generation/canonical.ts";
import type { JailInputs } from "../jail/inputs.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";
import { lookAt, manifestOf } from "./jail-on-host.ts";
import { jailsOfState, pickJail } from "./stack.ts";
import { DONE, FOUND, UsageError } from "./usage.ts";
import type { Words } from "./words.ts";

/** `explain JAIL PATH`. */
export async function explain(words: Words, print: (text: string) => void): Promise<number> {
  const [name, path, ...more] = words.rest;
  if (name === undefined || path === undefined || more.length > 0) throw new UsageError("explain JAIL PATH");
  if (!path.startsWith("/")) throw new UsageError(`${path} is not an absolute path`);
  const jail = await lookAt(pickJail(await jailsOfState(words), name, words.host));
  const { manifest } = await manifestOf(jail, jail.generation);
  const found = explainPath(manifest, jail.jail.properties, path.replace(/(?<=.)\/+$/, ""));
  const about = { jail: name, host: jail.jail.host, generation: jail.generation };
  print(words.json ? JSON.stringify({ ...about, ...found }, undefined, 2) : describe(found, about));
  return found.in ? DONE : FOUND;
}

/** A path of a jail with its entry, or why there is none. */
export type Explanation =
  | { readonly in: true; readonly path: string; readonly entry: Entry }
  | { readonly in: false; readonly path: string; readonly because: string };

/** Why a path is in, by its manifest, or why it is not. Pure. */
export function explainPath(manifest: Manifest, inputs: Pick<JailInputs, "exclude">, given: string): Explanation {
  const entries = new Map(manifest.entries.map((entry) => [entry.path, entry]));
  const path = canonicalPath(entries, given);
  const entry = entries.get(path);
  return entry ? { in: true, path, entry } : { in: false, path, because: absence(manifest, inputs, path) };
}

function absence(manifest: Manifest, { exclude }: Pick<JailInputs, "exclude">, path: string): string {
  const place = [...mounted, ...manifest.launch.writable.map((directory) => directory.path)].find((above) =>
    path.startsWith(`${above}/`),
  );
  if (place !== undefined) return `${place} is mounted over at every start; what lies below it is no part of the jail`;
  const excluded = exclude.findIndex((pattern) => matchesGlob(pattern, path));
  if (excluded >= 0) return `exclude[${excluded}], ${JSON.stringify(exclude[excluded])}, leaves it out`;
  const denied = manifest.denied?.find((one) => one.path === path);
  if (denied) return `it was touched, but ${denied.why}; ${JSON.stringify(path)} in include lets it in`;
  return `nothing touched it at start, probe, reload or stop; ${JSON.stringify(path)} in include puts it in`;
}

const mounted: readonly string[] = ["/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp"];

function describe(
  found: Explanation,
  about: { readonly jail: string; readonly host: string; readonly generation: string },
) {
  const where = `jail ${about.jail} on ${about.host} (generation ${about.generation})`;
  if (!found.in) return `${found.path} is not in ${where}:\n  ${found.because}`;
  const { kind, mode, owner, group, size, sha256, target, package: name, version, why } = found.entry;
  const lines = [
    `${kind}, ${mode} ${owner}:${group}${size === undefined ? "" : `, ${size} bytes`}${target === undefined ? "" : ` -> ${target}`}`,
    name === undefined ? "package  none" : `package  ${name} ${version ?? ""}`,
    ...(sha256 === undefined ? [] : [`sha256   ${sha256}`]),
    ...why.map((reason, index) => `${index === 0 ? "why      " : "         "}${reason}`),
  ];
  return [`${found.path} is in ${where}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}
