import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** The checkout's root. */
export const repository = join(import.meta.dirname, "..");

/** What is built once per machine and may be thrown away: engine, Node, host images. Set by dev/run; `PULUMI_JAIL_CACHE` moves it. */
export function cacheDirectory(): string {
  const standard =
    process.getuid?.() === 0
      ? "/var/cache/pulumi-jail"
      : join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "pulumi-jail");
  return process.env["PULUMI_JAIL_CACHE"] ?? standard;
}

/** What belongs to this checkout and is kept between runs, ignored by git. Made when missing. */
export function workDirectory(...names: readonly string[]): string {
  const directory = join(repository, ".pulumi-jail", ...names);
  mkdirSync(directory, { recursive: true });
  return directory;
}
