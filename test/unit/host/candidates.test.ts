import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** Whether one version is newer than another, by the host's own code. */
function newer(one: string, other: string): boolean {
  const script = `. provider/host/scripts/candidates.sh; exec perl -e "use Fcntl qw(:DEFAULT :flock); $(candidates_source)"'
    print newer(@ARGV) ? "yes" : "no"' -- "$@"`;
  return execFileSync("sh", ["-c", script, "sh", one, other], { encoding: "utf8" }) === "yes";
}

/** As in deb-version(7). */
test.each([
  ["1.3", "1.2"],
  ["1.10", "1.9"],
  ["1:1.0", "2.0"],
  ["1.0-2", "1.0-1"],
  ["1.0-1", "1.0"],
  ["1.0", "1.0~rc1"],
  ["1.0~rc1", "1.0~beta"],
  ["1.0+new1", "1.0"],
  ["1.0-1+b1", "1.0-1"],
  ["2.4.62-1~deb12u2", "2.4.62-1~deb12u1"],
  ["2.4.62-1", "2.4.62-1~deb12u2"],
  ["1:1.3.dfsg-4", "1:1.3.dfsg-1+b2"],
  ["1.0a", "1.0"],
])("%s is newer than %s, and never the other way round", (one, other) => {
  expect([newer(one, other), newer(other, one), newer(one, one)]).toEqual([true, false, false]);
});
