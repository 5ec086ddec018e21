import type { Step } from "../host/step.ts";
import { compareText, escaped, trustedNames } from "../manifest/entries.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { treeMode } from "../manifest/tree-mode.ts";

/** The step's name, by which its failure is known. */
export const FETCH = "fetch-packages";

/**
 * Puts what neither the store nor `sent` has into the build root `id`: from the host's own files, else from packages of
 * exactly the manifest's versions. Nothing is downloaded when nothing is lacking.
 */
export function fetchPackagesStep(id: string, lock: string, manifest: Manifest, sent: ReadonlySet<string>): Step {
  const names = trustedNames(manifest.launch.users);
  const files = manifest.entries.filter(
    ({ kind, sha256, content }) =>
      kind === "file" && sha256 !== undefined && content === undefined && !sent.has(sha256),
  );
  const lines = files.map((entry) => {
    const version = entry.package === undefined ? undefined : manifest.packages[entry.package];
    const from = version === undefined ? "-" : `${entry.package}=${version}`;
    return `F\t${entry.sha256}\t${treeMode(entry, names)}\t${from}\t${escaped(entry.path)}\n`;
  });
  const all = Object.entries(manifest.packages)
    .sort(([a], [b]) => compareText(a, b))
    .map(([name, version]) => `P\t${name}=${version}\n`);
  return {
    step: FETCH,
    args: [id, lock],
    content: [...all, ...lines].join(""),
    describe: `fetching what the host lacks of ${all.length} packages`,
  };
}
