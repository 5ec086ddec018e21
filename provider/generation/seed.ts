import type { Step } from "../host/step.ts";
import type { Seed } from "../manifest/manifest.ts";

/** The name beside a tree, as findings tell it. */
export const seedName = "seed.tar.gz";

/** Packs the seeds for the generation that is built or mended next, from a build root in which nothing has run. */
export function seedStep(base: string, digest: string, source: string, seeds: readonly Seed[]): Step {
  return {
    step: "generation-seed",
    args: [base, digest, source, ...seeds.map(({ path }) => path)],
    describe: `keeping ${describeSeeds(seeds)}`,
  };
}

/** `what the packages put into /var/lib/x (25 files, 112.0 MB)`. */
export function describeSeeds(seeds: readonly Seed[]): string {
  const parts = seeds.map(({ path, files, bytes }) => `${path} (${files} files, ${(bytes / 1e6).toFixed(1)} MB)`);
  return `what the packages put into ${parts.join(" and ")}`;
}
