import { type Loosening, loosenings } from "../manifest/launch.ts";
import type { Trial } from "./trial.ts";

/** A daemon that runs in its jail once so much of the sandbox is loosened, and no less. */
export interface Loosened {
  readonly loosened: readonly Loosening[];
  readonly trial: Trial;
}

/**
 * Finds the least of the sandbox to loosen for a daemon that does not run under all of it: everything at first, then
 * without each, the most dangerous first. Undefined when it does not run even so: then the sandbox is not to blame.
 */
export async function leastLoosening(
  attempt: (loosened: readonly Loosening[]) => Promise<Trial>,
): Promise<Loosened | undefined> {
  let found: Loosened = { loosened: loosenings, trial: await attempt(loosenings) };
  if (found.trial.problem !== undefined) return undefined;
  for (const one of loosenings.toReversed()) {
    const loosened = found.loosened.filter((other) => other !== one);
    // With none at all it was tried before.
    if (loosened.length === 0) break;
    const trial = await attempt(loosened);
    if (trial.problem === undefined) found = { loosened, trial };
  }
  return found;
}
