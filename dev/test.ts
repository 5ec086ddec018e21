import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { provideEngine } from "./engine/engine.ts";
import { canBootHosts, installNeeds, sweepRuns } from "./hosts/index.ts";
import { repository, workDirectory } from "./paths.ts";
import { progress } from "./progress.ts";

/** The parts of vitest's JSON report that are added up. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
}

/**
 * `npm test`: lint, types and every test; words go to vitest instead (`npm test -- --project unit`). What the machine
 * can't run is left out and named, which is a failure where CI=true. The last line is `N passed, N failed, N skipped`.
 */
export async function runTests(words: readonly string[]): Promise<number> {
  const reason = await canBootHosts();
  if (reason === undefined) {
    await installNeeds(progress);
    await sweepRuns(progress);
  }
  await provideEngine();
  const failedChecks = words.length > 0 ? [] : checks().filter((check) => !passes(check));
  const report = runVitest(words, reason !== undefined);
  for (const check of failedChecks) progress(`failed: ${check.join(" ")}`);
  let failed = report.numFailedTests + failedChecks.length;
  if (reason !== undefined) {
    progress(`left out: the tests on real hosts, as hosts can't be booted: ${reason}`);
    if (process.env["CI"] === "true") failed += 1;
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  console.log(`${report.numPassedTests} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

function checks(): string[][] {
  return [
    ["npm", "run", "--silent", "lint"],
    ["npm", "run", "--silent", "types"],
  ];
}

function passes(check: readonly string[]): boolean {
  progress(check.join(" "));
  const [command = "", ...args] = check;
  return spawnSync(command, args, { cwd: repository, stdio: "inherit" }).status === 0;
}

function runVitest(words: readonly string[], withoutHosts: boolean): Report {
  const file = join(workDirectory(), `report-${process.pid}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const projects = withoutHosts ? ["--project=!hosts", "--project=!machine"] : [];
  const vitest = join(repository, "node_modules/vitest/vitest.mjs");
  const argv = [vitest, "run", ...reporters, ...projects, ...words];
  const { status } = spawnSync(process.execPath, argv, { cwd: repository, stdio: "inherit" });
  try {
    const report = JSON.parse(readFileSync(file, "utf8")) as Report;
    // A file that can't be loaded and an error outside of tests have no test to count.
    return { ...report, numFailedTests: Math.max(report.numFailedTests, status === 0 ? 0 : 1) };
  } catch {
    return { numPassedTests: 0, numFailedTests: 1, numPendingTests: 0, numTodoTests: 0 };
  } finally {
    rmSync(file, { force: true });
  }
}
