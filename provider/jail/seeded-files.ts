import type { DeclaredFile } from "../generation/derive.ts";
import type { Manifest } from "../manifest/manifest.ts";

/**
 * Declared files below directories that the daemon has as its own: these are filled when they are new and are the
 * service's from then on, so a file of the jail that changes later does not arrive there. Said wherever it is built.
 */
export function describeSeededFiles(files: readonly DeclaredFile[], { entries, launch }: Manifest): readonly string[] {
  const inTree = new Set(entries.map(({ path }) => path));
  const filled = launch.writable.filter(({ kind }) => kind !== "runtime");
  return files.flatMap(({ path }) => {
    const directory = filled.find((one) => path.startsWith(`${one.path}/`));
    if (directory === undefined || inTree.has(path)) return [];
    return [
      `files["${path}"] only begins a new ${directory.path}, which is the daemon's own from then on: for changes that arrive there, use configFiles of its JailedService`,
    ];
  });
}
