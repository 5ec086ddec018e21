import { expect, test } from "vitest";
import { matchesGlob } from "../../../provider/discovery/glob.ts";

test.each([
  ["/etc/app", "/etc/app", true],
  ["/etc/app/", "/etc/app/x/y", true],
  ["/etc/app", "/etc/apple", false],
  ["/etc/*.conf", "/etc/a.conf", true],
  ["/etc/*.conf", "/etc/a/b.conf", false],
  ["/etc/?.conf", "/etc/ab.conf", false],
  ["/etc/[ab].conf", "/etc/b.conf", true],
  ["/etc/[!ab].conf", "/etc/b.conf", false],
  ["/usr/**/*.so", "/usr/lib/x/y.so", true],
  ["/usr/**/*.so", "/usr/y.so", true],
  ["/usr/**", "/usr/lib/x", true],
  ["/usr/**", "/var/lib", false],
  ["/a+b(c)", "/a+b(c)", true],
])("%s on %s is %s", (pattern, path, matches) => {
  expect(matchesGlob(pattern, path)).toBe(matches);
});
