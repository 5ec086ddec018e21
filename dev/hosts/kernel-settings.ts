import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stateDirectory } from "./layout.ts";

/** Settings of this machine's kernel that hosts need, and the least value of each. */
const NEEDED: readonly { readonly path: string; readonly least: number }[] = [
  { path: "/proc/sys/net/ipv4/ip_forward", least: 1 },
  // Every systemd holds some ten of root's 128: from the twelfth host on nothing boots, "Too many open files" (inotify(7)).
  { path: "/proc/sys/fs/inotify/max_user_instances", least: 4096 },
];

/** Raises what is too low for hosts, and writes down what it was. Hold the registry's lock. */
export function raiseSettings(): void {
  for (const { path, least } of NEEDED) {
    const value = readFileSync(path, "latin1").trim();
    if (Number(value) >= least) continue;
    // Written first: whoever tears the last run down must know that it was us.
    writeFileSync(markOf(path), `${value}\n`);
    writeFileSync(path, `${least}\n`);
  }
}

/** Puts back what {@link raiseSettings} raised. Hold the registry's lock, and be the last run. */
export function restoreSettings(): void {
  for (const { path } of NEEDED) {
    if (!existsSync(markOf(path))) continue;
    writeFileSync(path, readFileSync(markOf(path)));
    rmSync(markOf(path));
  }
}

function markOf(path: string): string {
  return join(stateDirectory(), `${path.slice(path.lastIndexOf("/") + 1)}.before`);
}
