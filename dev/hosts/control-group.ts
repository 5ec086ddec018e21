import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROOT = "/sys/fs/cgroup";

/** The roots of every control group hierarchy of this machine: several with v1 and hybrid, one with v2 alone. */
export function hierarchies(): string[] {
  if (existsSync(join(ROOT, "cgroup.procs"))) return [ROOT];
  if (!existsSync(ROOT)) return [];
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, entry.name, "cgroup.procs")))
    .map((entry) => join(ROOT, entry.name));
}

/** Every process of a host, its systemd-nspawn included. */
export function processesOf(group: string): number[] {
  return groupTree(join(watchedHierarchy(), group)).flatMap((directory) =>
    readLines(join(directory, "cgroup.procs")).map(Number),
  );
}

/** Stops every process of a host in its tracks, or lets them go on. */
export async function setFrozen(group: string, frozen: boolean): Promise<void> {
  const directory = join(watchedHierarchy(), group);
  const v1 = join(directory, "freezer.state");
  const wanted = frozen ? "FROZEN" : "THAWED";
  if (!existsSync(v1)) {
    writeFileSync(join(directory, "cgroup.freeze"), frozen ? "1" : "0");
    return;
  }
  writeFileSync(v1, wanted);
  for (let left = 100; readFileSync(v1, "latin1").trim() !== wanted; left -= 1) {
    if (left === 0) throw new Error(`${v1} did not become ${wanted} within 5 s`);
    await sleep(50);
    writeFileSync(v1, wanted);
  }
}

/** Whether a host is frozen. */
export function isFrozen(group: string): boolean {
  const directory = join(watchedHierarchy(), group);
  return [...readLines(join(directory, "freezer.state")), ...readLines(join(directory, "cgroup.freeze"))].some(
    (word) => word === "FROZEN" || word === "FREEZING" || word === "1",
  );
}

/** Microseconds: short, so that a slow host is slow evenly and does not stand still for long (cgroup-v1 and -v2, CFS bandwidth). */
const PERIOD_US = 20_000;

/** Lets a host use at most so many cores of this machine, 0.1 of one for example; undefined ends it. */
export function limitProcessor(group: string, cores: number | undefined): void {
  const quota = cores === undefined ? undefined : Math.round(cores * PERIOD_US);
  for (const directory of hierarchies().map((hierarchy) => join(hierarchy, group))) {
    if (existsSync(join(directory, "cpu.max"))) {
      writeFileSync(join(directory, "cpu.max"), `${quota ?? "max"} ${PERIOD_US}`);
      return;
    }
    if (existsSync(join(directory, "cpu.cfs_quota_us"))) {
      writeFileSync(join(directory, "cpu.cfs_period_us"), `${PERIOD_US}`);
      writeFileSync(join(directory, "cpu.cfs_quota_us"), `${quota ?? -1}`);
      return;
    }
  }
  throw new Error(`no control group of ${group} limits processor time: the controller \`cpu\` is not enabled here`);
}

/** Kills every process of a host and removes its groups; true when nothing is left. */
export async function killGroup(group: string): Promise<void> {
  if (isFrozen(group)) await setFrozen(group, false);
  for (let left = 200; processesOf(group).length > 0; left -= 1) {
    if (left === 0) throw new Error(`processes of ${group} outlive SIGKILL: ${processesOf(group).join(" ")}`);
    for (const pid of processesOf(group)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended between the list and the kill.
      }
    }
    await sleep(25);
  }
  await removeGroup(group);
}

/** Removes the empty groups of a host from every hierarchy. */
export async function removeGroup(group: string): Promise<void> {
  for (const hierarchy of hierarchies()) {
    for (const directory of groupTree(join(hierarchy, group)).reverse()) {
      // The kernel frees a group some milliseconds after its last process.
      for (let left = 100; existsSync(directory) && left > 0; left -= 1) {
        try {
          rmdirSync(directory);
        } catch (error) {
          if (left === 1) throw error;
          await sleep(20);
        }
      }
    }
  }
}

/** v1's freezer holds all of a host's processes in one flat group; in v2 there is one hierarchy only. */
function watchedHierarchy(): string {
  const freezer = join(ROOT, "freezer");
  return existsSync(join(freezer, "cgroup.procs")) ? freezer : ROOT;
}

function groupTree(directory: string): string[] {
  if (!existsSync(directory)) return [];
  const below = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [directory, ...below.flatMap((entry) => groupTree(join(directory, entry.name)))];
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, "latin1").split("\n").filter(Boolean);
  } catch {
    return [];
  }
}
