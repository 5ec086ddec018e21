import type { Step } from "../host/step.ts";

/**
 * Removes generations beyond the newest `keep`, never `current` nor one that a service or unit names, then what the
 * store holds for no tree.
 */
export function pruneStep(
  base: string,
  current: string,
  keep: number,
  describe = `keeping ${keep} generations besides ${current} and those in use`,
): Step {
  return { step: "generation-prune", args: [base, current, String(keep)], describe };
}

/** Removes all generations and what the store holds for them alone. The caller has made sure that none is in use. */
export function removeGenerationsStep(base: string): Step {
  return { step: "generation-remove", args: [base], describe: "removing all generations" };
}

/** Which generations a prune would remove; the same rule as on the host, where it is asked again under the lock. */
export function surplusOf(
  kept: readonly string[],
  used: ReadonlyMap<string, readonly string[]>,
  current: string,
  keep: number,
): readonly string[] {
  return kept.filter((digest) => digest !== current && !used.has(digest)).slice(keep);
}
