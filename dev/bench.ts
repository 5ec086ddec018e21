import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { canBootHosts, installNeeds } from "./hosts/index.ts";
import { repository } from "./paths.ts";
import { progress } from "./progress.ts";

/** `npm run bench` and `bench:services`: the benchmarks need hosts. Gives the exit code. */
export async function runBench(program: string, words: readonly string[]): Promise<number> {
  const reason = await canBootHosts();
  if (reason !== undefined) {
    progress(`the benchmarks boot Linux hosts on this machine, and it can't: ${reason}`);
    return 1;
  }
  await installNeeds(progress);
  return spawnSync(process.execPath, [join(repository, program), ...words], { stdio: "inherit" }).status ?? 1;
}
