import { describe, expect, it } from "vitest";
import { dependencyClosure, parsePackages } from "../../../bench/jail/closure.ts";

const installed = parsePackages(
  [
    "apache2\t, apache2-bin (= 2.4), mail-transport-agent | libc6, perl:any\t",
    "apache2-bin\tlibc6 (>= 2.34), libssl3\thttpd-bin (= 2.4)",
    "libc6\t, libgcc-s1 [amd64]\t",
    "libgcc-s1\t, libc6\t",
    "libssl3\t\t",
    "mawk\t\tawk",
    "perl\t, awk, not-there\t",
    "bash\t\t",
  ].join("\n"),
);

describe("a dependency closure", () => {
  it("follows alternatives that are installed, provided names and circles, and leaves the rest out", () => {
    expect(dependencyClosure("apache2", installed)).toEqual([
      "apache2",
      "apache2-bin",
      "libc6",
      "libgcc-s1",
      "libssl3",
      "mawk",
      "perl",
    ]);
  });

  it("is empty for a package that is not installed", () => {
    expect(dependencyClosure("nginx", installed)).toEqual([]);
  });
});
