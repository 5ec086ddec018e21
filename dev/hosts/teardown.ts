import { existsSync, readFileSync, rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { stopHost } from "./boot.ts";
import { run } from "./command.ts";
import { restoreSettings } from "./kernel-settings.ts";
import { hostPaths, runDirectory } from "./layout.ts";
import { removeNetwork } from "./network.ts";
import { bootId, isAlive } from "./process-mark.ts";
import { readRun, readRuns, withRegistry, withRun } from "./registry.ts";
import type { HostRecord, Progress, RunRecord } from "./types.ts";

/** Ends a run: hosts, network, files, and at last its name in the registry. Can be repeated. */
export function removeRun(runName: string): Promise<void> {
  return withRun(runName, async () => {
    const record = readRun(runName);
    if (record !== undefined) await remove(record);
  });
}

async function remove(record: RunRecord): Promise<void> {
  await Promise.all(record.hosts.map((host) => removeHost(record, host)));
  await withRegistry(async () => {
    await removeNetwork(record);
    if (!readRuns().some((other) => other.run !== record.run)) restoreSettings();
    rmSync(runDirectory(record.run), { recursive: true, force: true });
  });
}

/** Ends one host and deletes its root. */
export async function removeHost(record: RunRecord, host: HostRecord): Promise<void> {
  await stopHost(record, host);
  const paths = hostPaths(record.run, host.name);
  for (const mount of mountsBelow(paths.directory)) await run(["umount", "--lazy", mount]);
  await removeNspawnLock(paths.root);
  await removeTree(paths.directory);
}

/** Clears what killed runs left: those whose owner is gone and that were not kept. Gives their names. */
export async function sweepRuns(progress: Progress): Promise<string[]> {
  const swept: string[] = [];
  for (const { run: runName } of readRuns().filter(isAbandoned)) {
    await withRun(runName, async () => {
      // Another process may have swept it while we waited, or taken the name.
      const record = readRun(runName);
      if (record === undefined || !isAbandoned(record)) return;
      progress(`clearing run ${runName}, whose process ${record.owner.pid} is gone`);
      await remove(record);
      swept.push(runName);
    });
  }
  return swept;
}

function isAbandoned(record: RunRecord): boolean {
  return !record.keep && (record.bootId !== bootId() || !isAlive(record.owner));
}

/** A copy that was just killed may still finish its last file. */
async function removeTree(directory: string): Promise<void> {
  for (let left = 5; ; left -= 1) {
    const ran = await run(["rm", "-rf", "--one-file-system", directory], { reject: left > 1 ? false : undefined });
    if (ran.exitCode === 0) return;
    await sleep(200);
  }
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
  const inode = (await run(["stat", "--format=inode-%d:%i", root], { reject: false })).stdout.trim();
  if (inode !== "") rmSync(`/run/systemd/nspawn/locks/${inode}`, { force: true });
}
