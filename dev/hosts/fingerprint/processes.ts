import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Section } from "./types.ts";

interface Process {
  readonly parent: number;
  readonly uid: string;
  readonly command: string;
}

/**
 * The processes in a host's PID namespace, by user and command line. Left out are a login's own (sshd's session processes
 * and what runs under them) and whatever was started from outside: what either leaves behind becomes PID 1's child and is seen.
 */
export function readProcesses(leader: number): Section {
  const inside = processesIn(readlinkSync(`/proc/${leader}/ns/pid`));
  const section: Record<string, string> = {};
  for (const [pid, process] of inside) {
    if (!belongs(pid, leader, inside)) continue;
    const name = `${process.uid} ${process.command}`;
    section[name] = String(Number(section[name] ?? 0) + 1);
  }
  return section;
}

function processesIn(namespace: string): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/ns/pid`) !== namespace) continue;
      const status = readFileSync(`/proc/${name}/status`, "latin1");
      const command = readFileSync(`/proc/${name}/cmdline`, "latin1").replaceAll("\0", " ").trim();
      // sshd counts the connections that are logging in.
      const steady = (command || (/^Name:\t(.*)$/m.exec(status)?.[1] ?? "")).replace(
        /\d+ of \d+-\d+ startups/,
        "startups",
      );
      const parent = Number(/^PPid:\t(\d+)$/m.exec(status)?.[1]);
      found.set(Number(name), { parent, uid: /^Uid:\t(\d+)/m.exec(status)?.[1] ?? "", command: steady });
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

function belongs(pid: number, leader: number, inside: ReadonlyMap<number, Process>): boolean {
  for (let at = pid; ; ) {
    if (at === leader) return true;
    const process = inside.get(at);
    if (process === undefined || /^sshd: (?!\S*\/sshd )/.test(process.command)) return false;
    at = process.parent;
  }
}
