import { expect, test } from "vitest";
import { denyReason, denyReasonOfFull } from "../../../provider/discovery/deny.ts";
import type { Fact } from "../../../provider/discovery/inventory.ts";
import { bareSource } from "../../../provider/manifest/source.ts";

const file: Fact = {
  type: "file",
  mode: "0755",
  owner: "root",
  group: "root",
  size: 1,
  detail: "0",
  key: false,
  drawn: false,
  empty: false,
};

test.each(["/usr/bin/dash", "/usr/bin/perl", "/usr/bin/dpkg", "/var/lib/dpkg/status", "/etc/apt/sources.list"])(
  "%s is of the whole system and of no minimal jail",
  (path) => {
    expect(denyReasonOfFull(path, file)).toBeUndefined();
    expect(denyReason(path, file)).toBeDefined();
  },
);

test.each([
  ["/boot/vmlinuz-6.1", "belongs to the kernel"],
  ["/usr/lib/modules/6.1/x.ko", "belongs to the kernel"],
  ["/etc/machine-id", "is this host's identity"],
  ["/etc/shadow", "holds the host's accounts"],
  ["/etc/ssl/private/key.pem", "is a place of private keys"],
  ["/var/cache/apt/archives/x.deb", "is a cache"],
  ["/var/lib/apt/lists/x_Packages", "is a cache"],
  ["/var/log/dpkg.log", "is a log"],
  ["/root/.bashrc", "lies in a home directory"],
])("%s is not even of the whole system", (path, reason) => {
  expect(denyReasonOfFull(path, file)).toBe(reason);
});

test("a key is kept out wherever it lies", () => {
  expect(denyReasonOfFull("/etc/app/server.pem", { ...file, key: true })).toBe("holds a private key");
});

test("a whole system is never taken from the host itself", () => {
  expect(bareSource("host", "full")).toEqual({ suite: "host" });
  expect(bareSource({ suite: "sid" }, "full")).toEqual({ suite: "sid" });
  expect(bareSource("host", "minimal")).toBe("host");
});
