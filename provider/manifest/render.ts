import { compareText } from "./entries.ts";
import type { Launch } from "./launch.ts";
import type { Entry, Manifest } from "./manifest.ts";

/** The manifest as the host keeps it: JSON with sorted keys, an entry per line, so that equal manifests are equal bytes. */
export function renderManifest(manifest: Manifest): string {
  const { entries, ...rest } = manifest;
  const lines = [...entries].sort((a, b) => compareText(a.path, b.path)).map((entry) => JSON.stringify(ordered(entry)));
  const head = Object.entries(sortKeys(rest) as object).map(([key, value]) => `"${key}":${JSON.stringify(value)}`);
  return `{\n"entries":[\n${lines.join(",\n")}\n],\n${head.join(",\n")}\n}\n`;
}

/** The launch alone, which is all that a service reads of a generation. */
export function renderLaunch(launch: Launch): string {
  return `${JSON.stringify(sortKeys(launch))}\n`;
}

/** `path` first: that is what people look for. */
function ordered(entry: Entry): Entry {
  const { path, ...rest } = entry;
  return { path, ...(sortKeys(rest) as Omit<Entry, "path">) };
}

/** The same value with the keys of every object sorted; what is undefined is left out. Lists keep their order. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const sorted = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return Object.fromEntries(
    sorted.filter(([, item]) => item !== undefined).map(([key, item]) => [key, sortKeys(item)]),
  );
}
