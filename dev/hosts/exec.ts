import { readFileSync } from "node:fs";
import { run } from "./command.ts";
import { processesOf } from "./control-group.ts";
import { groupName } from "./layout.ts";
import type { ExecOptions, ExecResult, HostRecord } from "./types.ts";

/** The host's PID 1 as this machine numbers it, or undefined while there is none. */
export function leaderOf(host: HostRecord): number | undefined {
  return processesOf(groupName(host.machine)).find((pid) => {
    try {
      // One number for each PID namespace it is in, ours first (proc(5)): exactly one level down, and 1 there.
      return /^NSpid:\t\d+\t1$/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
    } catch {
      return false;
    }
  });
}

/** The argument list that runs a command inside the host, in all its namespaces and with a login's plain environment. */
export function enterArgv(host: HostRecord, argv: readonly string[]): string[] {
  const leader = leaderOf(host);
  if (leader === undefined) throw new Error(`host ${host.name} is not running`);
  const environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LC_ALL=C"];
  const namespaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"];
  return ["nsenter", `--target=${leader}`, ...namespaces, "--", "/usr/bin/env", "-i", ...environment, ...argv];
}

/** Runs a command on a host out of band: as root, without SSH, and whatever the host's network is doing. */
export async function execOn(
  host: HostRecord,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<ExecResult> {
  return await run(enterArgv(host, argv), options);
}
