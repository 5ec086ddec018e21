import { expect, test } from "vitest";
import { describeDiscovery, probeImportsOf } from "../../../provider/discovery/describe.ts";
import type { Entry } from "../../../provider/manifest/manifest.ts";
import { discoverRecorded, specOf } from "./recorded.ts";

const file = (path: string, ...why: readonly string[]): Entry => {
  return { path, kind: "file", mode: "0644", owner: "root", group: "root", sha256: "00", size: 1, why };
};

test("a jail that is as its service was seen says nothing", () => {
  expect(describeDiscovery(specOf("apache2.service"), discoverRecorded("apache2.service"))).toEqual([]);
});

test("what was left out although the daemon ran or read it is told with its reason, and what it only examined is not", () => {
  const discovery = discoverRecorded("apache2.service");
  const denied = [
    { path: "/usr/bin/dash", why: "is a shell", use: "run", phase: "probe" },
    { path: "/usr/bin/perl", why: "is an interpreter", use: "examined", phase: "start" },
    { path: "/etc/ssh/ssh_host_rsa_key", why: "is a place of private keys", use: "opened", phase: "start" },
    { path: "/etc/app/ppd", why: "written at start by the traced daemon; it is read-only in the jail" },
  ] as const;
  expect(describeDiscovery(specOf("apache2.service"), { ...discovery, denied })).toEqual([
    "left out: /usr/bin/dash (is a shell; run while probed), /etc/ssh/ssh_host_rsa_key (is a place of private keys; opened at start); include them if the service needs them",
    "read-only in the jail, and written by the traced daemon: /etc/app/ppd",
  ]);
});

test("what a probe that was asked for brought in is told, with what that needs in turn", () => {
  const entries = [
    file("/usr/lib/own.so", "opened at start"),
    file("/usr/lib/libc.so", "needed by /usr/lib/own.so", "needed by /usr/lib/plugin.so"),
    file("/usr/lib/plugin.so", "opened while probed"),
    file("/usr/lib/other.so", "needed by /usr/lib/plugin.so"),
    file("/srv/page", "given in files", "opened while probed"),
  ];
  expect(probeImportsOf(entries).map(({ path }) => path)).toEqual(["/usr/lib/plugin.so", "/usr/lib/other.so"]);
  const discovery = discoverRecorded("apache2.service");
  const probed = specOf("apache2.service", {
    discovery: { method: "trace", deadlineSeconds: 9, probe: { path: "/" } },
  });
  expect(describeDiscovery(probed, discovery)).toEqual(["the probe brought in 1 file: /var/www/html/index.html"]);
});

test("a shell or an interpreter that is in is declared in the manifest, and told", () => {
  const { manifest } = discoverRecorded("apache2.service");
  expect(manifest.interpreters).toBeUndefined();
  const carried = discoverRecorded("apache2.service", {}, [
    { path: "/bin/sh", why: "repair round 1: run in the jail", how: "carry" },
  ]);
  expect(carried.manifest.interpreters).toEqual([{ path: "/usr/bin/dash", why: "repair round 1: run in the jail" }]);
  expect(describeDiscovery(specOf("apache2.service"), carried)).toEqual([
    "holds an interpreter: /usr/bin/dash (repair round 1: run in the jail)",
  ]);
});

test("packages that it does not start without, and that its own only recommend, are told", () => {
  const { report, ...rest } = discoverRecorded("apache2.service");
  const told = describeDiscovery(specOf("apache2.service"), {
    ...rest,
    report: { ...report, recommended: ["root-data"] },
  });
  expect(told).toEqual([
    "it only starts with what its packages recommend: root-data; name them in packages to be sure of them",
  ]);
});
