import type { LockFiles } from "./lock.ts";

/**
 * Several jails of one run may write the same lock file, as those of a fleet do: the first to come does the work of
 * `first`, the others wait for it and do that of `others`. Where it fails, the next takes its turn.
 */
export async function inTurn<Result>(
  files: LockFiles,
  path: string,
  first: () => Promise<Result>,
  others: () => Promise<Result>,
): Promise<Result> {
  const turns = turnsOf(files);
  for (let running = turns.get(path); running !== undefined; running = turns.get(path)) {
    if (await running) return others();
  }
  const run = first();
  const outcome = run.then(
    () => true,
    () => {
      turns.delete(path);
      return false;
    },
  );
  turns.set(path, outcome);
  return run;
}

/** A dynamic provider's process lives for one run. */
const known = new WeakMap<LockFiles, Map<string, Promise<boolean>>>();

function turnsOf(files: LockFiles): Map<string, Promise<boolean>> {
  const turns = known.get(files) ?? new Map<string, Promise<boolean>>();
  known.set(files, turns);
  return turns;
}
