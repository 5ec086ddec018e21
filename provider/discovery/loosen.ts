import { type Loosening, loosenings } from "../manifest/launch.ts";
import type { Trial } from "./trial.ts";

/** A daemon that runs in its jail once so much of the sandbox is loosened, and no less. */
export interface Loosened {
  readonly loosened: readonly Loosening[];
  readonly trial: Trial;
}

/**
 * Finds the least of the sandbox to loosen for a daemon that does not run under all of it: everything at first, then one
 * part after the other, the least dangerous first, until it runs, then without each that is not missed. Undefined when it
 * does not run with everything loosened: then the sandbox is not to blame, or not so.
 */
export async function leastLoosening(
  attempt: (loosened: readonly Loosening[]) => Promise<Trial>,
): Promise<Loosened | undefined> {
  let found: Loosened = { loosened: loosenings, trial: await attempt(loosenings) };
  if (found.trial.problem !== undefined) return undefined;
  const runs = async (loosened: readonly Loosening[]) => {
    const trial = await attempt(loosened);
    if (trial.problem === undefined) found = { loosened, trial };
    return trial.problem === undefined;
  };
  let count = 1;
  while (count < loosenings.length && !(await runs(loosenings.slice(0, count)))) count++;
  // Without the last one it was tried before, and with none at all.
  for (const one of loosenings.slice(0, count - 1)) {
    await runs(found.loosened.filter((other) => other !== one));
  }
  return found;
}
