import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestHost } from "../../dev/hosts/index.ts";

/** A service that gets a small part of a processor, on a host whose kernel says so. */
export interface SlowHost {
  /** Gives the processor back and the pressure away. */
  stop(): Promise<void>;
}

/** Of each 100 ms of one processor. */
const QUOTA_MS = 5;
const HIERARCHY = "/sys/fs/cgroup/cpu";

/**
 * Slows one unit down by the scheduler's bandwidth control, and tells its host the pressure that comes of it. Test hosts
 * share this machine's kernel, whose pressure is one for all of them, so each gets a file of its own in its place: the slow
 * one's share of periods in which it was throttled, smoothed over ten seconds as PSI is; nothing on the others.
 */
export async function slowDown(slow: TestHost, unitName: string, others: readonly TestHost[]): Promise<SlowHost> {
  if (!existsSync(join(HIERARCHY, "cpu.cfs_quota_us")))
    throw new Error(`${HIERARCHY} has no bandwidth control: this section needs control groups v1`);
  const group = join(HIERARCHY, `pulumi-jail-bench-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, "cpu.cfs_period_us"), "100000");
  writeFileSync(join(group, "cpu.cfs_quota_us"), `${QUOTA_MS * 1000}`);
  for (const pid of processesOfUnit(unitName)) writeFileSync(join(group, "cgroup.procs"), `${pid}`);
  for (const host of [slow, ...others]) await coverPressure(host);
  const telling = tellPressure(slow, group);
  return {
    stop: async () => {
      await telling.stop();
      for (const pid of readFileSync(join(group, "cgroup.procs"), "utf8").split("\n").filter(Boolean))
        writeFileSync(join(HIERARCHY, "cgroup.procs"), pid);
      rmdirSync(group);
      for (const host of [slow, ...others])
        await host.exec(["sh", "-c", "umount /proc/pressure/cpu /proc/pressure/memory"]);
    },
  };
}

const FILE = "/var/tmp/bench-pressure";

function line(percent: number): string {
  return `some avg10=${percent.toFixed(2)} avg60=0.00 avg300=0.00 total=0\n`;
}

async function coverPressure(host: TestHost): Promise<void> {
  const script = `for of in cpu memory; do printf '${line(0).trimEnd()}\\n' >${FILE}-$of; chmod 0644 ${FILE}-$of; mount --bind ${FILE}-$of /proc/pressure/$of; done`;
  await host.exec(["sh", "-c", script]);
}

/** By the unit's name in the path of a process's control group. */
function processesOfUnit(unitName: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cgroup`, "utf8").includes(`/${unitName}`);
    } catch {
      return false;
    }
  });
}

function tellPressure(slow: TestHost, group: string): { stop(): Promise<void> } {
  let isRunning = true;
  let pressure = 0;
  let before = throttling(group);
  const loop = (async () => {
    while (isRunning) {
      await sleep(1000);
      const now = throttling(group);
      const share =
        now.periods > before.periods ? (now.throttled - before.throttled) / (now.periods - before.periods) : 0;
      before = now;
      pressure = pressure * Math.exp(-0.1) + 100 * share * (1 - Math.exp(-0.1));
      // The same inode, as it is mounted.
      writeFileSync(join(slow.root, `${FILE}-cpu`), line(pressure));
    }
  })();
  return {
    stop: async () => {
      isRunning = false;
      await loop;
    },
  };
}

function throttling(group: string): { readonly periods: number; readonly throttled: number } {
  const text = readFileSync(join(group, "cpu.stat"), "utf8");
  return {
    periods: Number(/^nr_periods (\d+)$/m.exec(text)?.[1]),
    throttled: Number(/^nr_throttled (\d+)$/m.exec(text)?.[1]),
  };
}
