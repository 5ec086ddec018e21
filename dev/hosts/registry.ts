import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runDirectory, stateDirectory } from "./layout.ts";
import { withLock } from "./lock.ts";
import type { RunRecord } from "./types.ts";

/** Runs a function while no other process changes the registry of runs or the machine's network. */
export function withRegistry<T>(work: () => Promise<T>): Promise<T> {
  return withLock(join(stateDirectory(), "lock"), work);
}

/** Runs a function while no other process boots, sweeps or removes the run. Take it before the registry's lock, never after. */
export function withRun<T>(run: string, work: () => Promise<T>): Promise<T> {
  recordPath(run);
  return withLock(join(stateDirectory(), "locks", run), work);
}

/** Every run that is registered on this machine, by name. */
export function readRuns(): RunRecord[] {
  const directory = join(stateDirectory(), "runs");
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .sort()
    .flatMap((run) => readRun(run) ?? []);
}

/** One run, or undefined when none of that name is registered. */
export function readRun(run: string): RunRecord | undefined {
  try {
    return JSON.parse(readFileSync(recordPath(run), "utf8")) as RunRecord;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** Registers a run, or what changed about it. Call it before making what it names. */
export function writeRun(record: RunRecord): void {
  const path = recordPath(record.run);
  mkdirSync(runDirectory(record.run), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

function recordPath(run: string): string {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9-]{0,62}$/.test(run))
    throw new Error(`"${run}" is no name for a run: letters, digits and dashes`);
  return join(runDirectory(run), "run.json");
}
