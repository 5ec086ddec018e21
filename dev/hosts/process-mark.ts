import { readFileSync } from "node:fs";
import type { ProcessMark } from "./types.ts";

/** The mark of a running process, or undefined when there is none of that pid. */
export function markOf(pid: number): ProcessMark | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The command's name is in parentheses and may hold spaces and parentheses: count from the last one (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state, startTime] = [fields[0], fields[19]];
    return startTime === undefined || state === "Z" || state === "X" ? undefined : { pid, startTime };
  } catch {
    return undefined;
  }
}

/** Whether the very process that was marked still runs. */
export function isAlive(mark: ProcessMark): boolean {
  return markOf(mark.pid)?.startTime === mark.startTime;
}

/** The machine's boot, as a name that changes with each. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}
