import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { stopHost } from "./boot.ts";
import { run } from "./command.ts";
import { hostPaths, runDirectory, stateDirectory } from "./layout.ts";
import { removeNetwork } from "./network.ts";
import { bootId, isAlive } from "./process-mark.ts";
import { readRun, readRuns, withRegistry } from "./registry.ts";
import type { HostRecord, Progress, RunRecord } from "./types.ts";

/** Ends a run: hosts, network, files, and at last its name in the registry. Can be repeated. */
export async function removeRun(runName: string): Promise<void> {
  const record = readRun(runName);
  if (record === undefined) return;
  await Promise.all(record.hosts.map((host) => removeHost(record, host)));
  await withRegistry(async () => {
    await removeNetwork(record);
    rmSync(runDirectory(runName), { recursive: true, force: true });
  });
}

/** Ends one host and deletes its root. */
export async function removeHost(record: RunRecord, host: HostRecord): Promise<void> {
  await stopHost(record, host);
  const paths = hostPaths(record.run, host.name);
  for (const mount of mountsBelow(paths.directory)) await run(["umount", "--lazy", mount]);
  await removeNspawnLock(paths.root);
  await run(["rm", "-rf", "--one-file-system", paths.directory]);
}

/** Clears what killed runs left: those whose owner is gone and that were not kept. Gives their names. */
export async function sweepRuns(progress: Progress): Promise<string[]> {
  const swept: string[] = [];
  for (const record of readRuns()) {
    if (record.keep || (record.bootId === bootId() && isAlive(record.owner))) continue;
    progress(`clearing run ${record.run}, whose process ${record.owner.pid} is gone`);
    await removeRun(record.run);
    swept.push(record.run);
  }
  return swept;
}

/** Names of directories in the state that belong to no registered run. */
export function strayDirectories(): string[] {
  const runs = join(stateDirectory(), "runs");
  return existsSync(runs) ? readdirSync(runs).filter((name) => readRun(name) === undefined) : [];
}

function mountsBelow(directory: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${directory}/`))
    .reverse();
}

/** systemd-nspawn leaves its lock file for the root's inode behind. */
async function removeNspawnLock(root: string): Promise<void> {
  if (!existsSync(root)) return;
  const inode = (await run(["stat", "--format=inode-%d:%i", root])).stdout.trim();
  rmSync(`/run/systemd/nspawn/locks/${inode}`, { force: true });
}
