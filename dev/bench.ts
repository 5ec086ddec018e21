import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { repository } from "./paths.ts";
import { progress } from "./progress.ts";
import { reasonAgainstHosts } from "./without-hosts.ts";

/** `npm run bench`: the benchmarks need hosts. Gives the exit code. */
export async function runBench(words: readonly string[]): Promise<number> {
  const reason = await reasonAgainstHosts();
  if (reason !== undefined) {
    progress(`the benchmarks boot Linux hosts with systemd-nspawn and can't here: ${reason}`);
    return 1;
  }
  return spawnSync(process.execPath, [join(repository, "bench/main.ts"), ...words], { stdio: "inherit" }).status ?? 1;
}
