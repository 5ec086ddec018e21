import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const script = readFileSync(join(import.meta.dirname, "../../../provider/host/scripts/step-build.sh"), "utf8");

/** The very function that runs on hosts, over what apt said. */
function told(log: string): string {
  const run = `${script}\ncat >"$0"; tell_apt_failure "$0"; rm "$0"`;
  return execFileSync("sh", ["-euc", run, `/tmp/apt-failure-${process.pid}`], { input: log, encoding: "utf8" });
}

const noise = "Reading package lists...\nBuilding dependency tree...\n";

test("a package that the mirror lacks is named without what apt says besides", () => {
  const log = `Get:1 http://mirror.example/debian sid InRelease [193 kB]\n${noise}E: Unable to locate package nonesuch\n`;
  expect(told(log)).toBe("E: Unable to locate package nonesuch\n");
});

test("a release that is expired by the host's clock is told with the way around it", () => {
  const expired =
    "E: Release file for http://mirror.example/debian/dists/sid/InRelease is expired (invalid since 17d 3h). Updates for this repository will not be applied.";
  const [first, second, third] = told(`${noise}${expired}\n${noise}E: Unable to locate package mysql-server\n`).split(
    "\n",
  );
  expect([first, second]).toEqual([expired, "E: Unable to locate package mysql-server"]);
  expect(third).toMatch(/^the host's clock says \d{4}-\d\d-\d\d; .* source\.snapshot/);
});

test("a maintainer script that fails is told with its own last words", () => {
  const log = `${noise}adduser: no more uids\nE: Sub-process /usr/bin/dpkg returned an error code (1)\n`;
  expect(told(log)).toBe(log);
});
