import { fetchPackagesStep } from "../generation/fetch.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { buildRootId, contentsOfFiles, type DesiredJail, lockNameOf } from "./desired.ts";
import { type DiscoveryFace, discoverySpec } from "./discovery-face.ts";
import type { JailInputs } from "./inputs.ts";
import type { BuildRootSteps, Making } from "./plan.ts";

/**
 * No trace, and no installation but for what no package ships: single files (step-fetch.sh sees to these), the seeds of
 * data directories, what `prepare` makes, and all of another suite.
 */
export function makeFromLock(
  face: DiscoveryFace,
  inputs: JailInputs,
  desired: DesiredJail,
  manifest: Manifest,
): { readonly making: Making; readonly buildRoot: BuildRootSteps } {
  const id = buildRootId(desired);
  const source = face.buildRootDirectory(id);
  const close = [face.closeBuildRootStep(id)];
  const packages = Object.entries(manifest.packages).map(([name, version]) => `${name}=${version}`);
  const spec = { ...discoverySpec(inputs), packages };
  if (needsInstallation(manifest) || spec.prepare !== undefined || spec.source !== "host") {
    const step = face.openBuildRootStep(id, lockNameOf(desired), spec, false);
    const open = [{ ...step, describe: `installing ${packages.length} packages in the lock file's versions` }];
    return { making: { make: "build", manifest, source }, buildRoot: { open, close } };
  }
  const sent = new Set(contentsOfFiles(desired.files).keys());
  const open = [fetchPackagesStep(id, lockNameOf(desired), manifest, sent)];
  const unseeded = { ...manifest, seeds: undefined };
  return {
    making: { make: "build", manifest: unseeded, source, sendFiles: true },
    buildRoot: { open, close },
  };
}

/** Empty logs are not worth one: the daemon makes its own. */
function needsInstallation({ seeds = [], launch }: Manifest): boolean {
  const logs = new Set(launch.writable.filter(({ kind }) => kind === "logs").map(({ path }) => path));
  return seeds.some(({ path, bytes }) => bytes > 0 || !logs.has(path));
}
