import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { run } from "./command.ts";
import { killGroup } from "./control-group.ts";
import { execOn, leaderOf } from "./exec.ts";
import { cableName, groupName, hostPaths, kernelNames } from "./layout.ts";
import { isAlive, markOf } from "./process-mark.ts";
import type { HostRecord, ProcessMark, RunRecord } from "./types.ts";

const SUPERVISE = fileURLToPath(new URL("./supervise.sh", import.meta.url));

/** Starts a host that does not run. It lives on when this process ends; {@link stopHost} ends it. */
export async function startHost(record: RunRecord, host: HostRecord): Promise<void> {
  // Whatever of it outlived its supervisor would keep the new one from its root and its cable.
  await stopHost(record, host);
  const paths = hostPaths(record.run, host.name);
  const console = openSync(paths.console, "a");
  const child = spawn(
    "sh",
    [
      SUPERVISE,
      groupName(host.machine),
      "systemd-nspawn",
      `--directory=${paths.root}`,
      `--machine=${host.machine}`,
      "--boot",
      "--quiet",
      `--network-bridge=${kernelNames(record.slot).bridge}`,
      // There is no systemd-machined to register with, and the control groups are ours.
      "--register=no",
      "--keep-unit",
      "--resolv-conf=off",
      "--timezone=off",
      "--link-journal=no",
    ],
    { detached: true, stdio: ["ignore", console, console], env: { PATH: process.env["PATH"], LC_ALL: "C" } },
  );
  closeSync(console);
  child.unref();
  const mark = child.pid === undefined ? undefined : markOf(child.pid);
  if (mark === undefined) throw new Error(`host ${host.name}: its supervisor did not start`);
  writeFileSync(paths.supervisor, JSON.stringify(mark));
}

/** Whether something keeps the host running. */
export function isStarted(record: RunRecord, host: HostRecord): boolean {
  const mark = supervisorOf(record, host);
  return mark !== undefined && isAlive(mark);
}

/** Waits until the host takes SSH connections and systemd has no more jobs; failed units are the caller's to judge. */
export async function waitUntilBooted(record: RunRecord, host: HostRecord, deadline = 120_000): Promise<void> {
  const end = Date.now() + deadline;
  let last = "it did not start";
  while (Date.now() < end) {
    if (!isStarted(record, host)) break;
    if (leaderOf(host) !== undefined) {
      const state = (
        await execOn(host, ["systemctl", "is-system-running"], { reject: false, timeout: 10_000 })
      ).stdout.trim();
      last = `systemd says "${state}"`;
      if (state === "running" || state === "degraded") {
        if (await answersSsh(host.address)) return;
        last += ", port 22 does not answer";
      }
    }
    await sleep(100);
  }
  const console = hostPaths(record.run, host.name).console;
  const words = existsSync(console) ? readFileSync(console, "utf8").slice(-1500) : "";
  throw new Error(`host ${host.name} (${host.address}) did not boot: ${last}\n${words}`);
}

/** Kills a host as a power cut does: supervisor, systemd-nspawn and every process. Its root stays. */
export async function stopHost(record: RunRecord, host: HostRecord): Promise<void> {
  // Its process group: that holds a systemd-nspawn that is just being started, too.
  for (const pid of supervisorsOf(host)) killQuietly(-pid);
  await killGroup(groupName(host.machine));
  // The kernel drops it with the host's network namespace, but takes seconds for that when many go at once.
  await run(["ip", "link", "delete", cableName(host.machine)], { reject: false });
  rmSync(hostPaths(record.run, host.name).supervisor, { force: true });
  for (const left of [`propagate/${host.machine}`, `unix-export/${host.machine}`]) {
    rmSync(`/run/systemd/nspawn/${left}`, { recursive: true, force: true });
  }
}

function supervisorOf(record: RunRecord, host: HostRecord): ProcessMark | undefined {
  try {
    return JSON.parse(readFileSync(hostPaths(record.run, host.name).supervisor, "utf8")) as ProcessMark;
  } catch {
    return undefined;
  }
}

/** Found by their very arguments: the mark on disk comes a moment after the start. */
function supervisorsOf(host: HostRecord): number[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      const argv = /^\d+$/.test(name) ? readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0") : [];
      return argv[1]?.endsWith("/supervise.sh") === true && argv[2] === groupName(host.machine) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended meanwhile; or it is the supervisor's subshell, which is in the supervisor's group.
  }
}

function answersSsh(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: 22, timeout: 2_000 });
    const answer = (is: boolean): void => {
      socket.destroy();
      resolve(is);
    };
    socket.once("data", (banner) => answer(banner.toString("latin1").startsWith("SSH-2.0")));
    socket.once("error", () => answer(false));
    socket.once("timeout", () => answer(false));
    socket.once("close", () => answer(false));
  });
}
