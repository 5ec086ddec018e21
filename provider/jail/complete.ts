import { canonicalPath } from "../generation/canonical.ts";
import { completeManifest } from "../generation/fixed.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";
import type { JailInputs } from "./inputs.ts";

/** The manifest of a generation, from what discovery found and what every tree has. */
export function completeDiscovery(
  { manifest, denied = [] }: { readonly manifest: Manifest; readonly denied?: Manifest["denied"] },
  { include }: Pick<JailInputs, "include">,
): Manifest {
  const told = denied.length > 0 ? { ...manifest, denied } : manifest;
  return completeManifest(withIncludedDirectories(told, include));
}

/** A plain path of `include` that is nowhere becomes an empty directory: a place for a service's volume. */
function withIncludedDirectories(manifest: Manifest, include: readonly string[]): Manifest {
  const entries = new Map(manifest.entries.map((entry) => [entry.path, entry]));
  const plain = include.filter((path) => path.startsWith("/") && !/[*?[\]{}]/.test(path));
  for (const path of plain.map((given) => canonicalPath(entries, given.replace(/\/+$/, "")))) {
    const why = ["in include, and nowhere in the packages: an empty directory"];
    const entry: Entry = { path, kind: "directory", mode: "0755", owner: "root", group: "root", why };
    if (path !== "" && !entries.has(path)) entries.set(path, entry);
  }
  return { ...manifest, entries: [...entries.values()] };
}
