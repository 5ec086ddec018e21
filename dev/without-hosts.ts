import { spawnSync } from "node:child_process";

/** Why this machine can't boot hosts, or nothing if it can. */
export async function reasonAgainstHosts(): Promise<string | undefined> {
  if (process.platform !== "linux") return `this is ${process.platform}, not Linux`;
  if (process.getuid?.() !== 0) return "that needs root";
  if (spawnSync("unshare", ["-mn", "true"]).status !== 0)
    return "mount and network namespaces are not allowed here (unshare -mn)";
  return undefined;
}
