import type { Question } from "../host/question.ts";
import type { Manifest, Seed } from "../manifest/manifest.ts";
import { type Inventory, resolvePath } from "./inventory.ts";
import type { Touched } from "./touched.ts";

/** What a build root holds at each of the directories; those where there is nothing are left out. */
export function observeSeeds(buildRoot: string, paths: readonly string[]): Question<readonly Seed[]> {
  return { ask: "seeds", args: [buildRoot, ...paths], parse: parseSeedLines };
}

/** The directories of the launch that get one of their own on the host, and may need what the packages put there. */
export function seedPaths({ launch }: Pick<Manifest, "launch">): readonly string[] {
  return launch.writable.filter(({ kind }) => kind !== "runtime").map(({ path }) => path);
}

/** A manifest with its seeds; those of which the traced daemon changed a file that was there are marked. */
export function withSeeds(manifest: Manifest, seeds: readonly Seed[], changed: readonly string[]): Manifest {
  if (seeds.length === 0) return manifest;
  const marked = seeds.map((seed) => (changed.includes(seed.path) ? { ...seed, changed: true } : seed));
  return { ...manifest, seeds: marked };
}

/** Those of the directories in which the daemon opened a file to write that was there before it ever ran. */
export function changedDirectories(
  paths: readonly string[],
  touched: Touched,
  inventory: Inventory,
): readonly string[] {
  const written = [...touched].flatMap(([path, uses]) => {
    const { canonical } = resolvePath(inventory, path);
    return uses.has("written") && inventory.facts.get(canonical)?.type === "file" ? [canonical] : [];
  });
  return paths.filter((directory) => written.some((path) => path.startsWith(`${directory}/`)));
}

/** Of the same text, the directories in which the host has data of its own: that is in no seed. Logs are no data. */
export function parseOwnData(text: string): readonly string[] {
  const paths = text.split("\n").flatMap((line) => /^own\t(\/.*)$/.exec(line)?.[1] ?? []);
  return paths.filter((path) => !/^\/var\/(log|cache)(\/|$)/.test(path));
}

/** Parses what `ask_seeds` prints: `FILES TAB BYTES TAB PATH` a line. */
export function parseSeedLines(text: string): readonly Seed[] {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("own\t"));
  return lines.map((line) => {
    const [, files, bytes, path] = /^(\d+)\t(\d+)\t(\/.*)$/.exec(line) ?? [];
    if (path === undefined) throw new Error(`${JSON.stringify(line)} is no seed`);
    return { path, files: Number(files), bytes: Number(bytes) };
  });
}
