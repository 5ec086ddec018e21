import { describe, expect, it } from "vitest";
import { diffFingerprints } from "../../../dev/hosts/fingerprint/diff.ts";
import { STEADY_TEXTS, steadyPath } from "../../../dev/hosts/fingerprint/exclude.ts";
import { parseLines, parseLinks, parseMounts, parseTables, parseUnits } from "../../../dev/hosts/fingerprint/parse.ts";
import type { Fingerprint } from "../../../dev/hosts/fingerprint/types.ts";

const host: Fingerprint = {
  files: {
    "/etc/motd": { type: "file", mode: "0644", owner: "0:0", sha256: "aa" },
    "/run": { type: "directory", mode: "0755", owner: "0:0" },
  },
  units: { "ssh.service": { file: "enabled", state: "loaded active running" } },
  mounts: { "/": "ext4 /dev/vda / rw rw" },
  users: { root: "root:x:0:0:root:/root:/bin/bash" },
  groups: { root: "root:x:0:" },
  nftables: { "inet a": "\tchain c {\n\t}" },
  namespaces: {},
  links: { lo: { kind: "", up: "true", mtu: "65536", master: "", addresses: "127.0.0.1/8" } },
  routes: { "default via 10.0.0.1 dev host0": "" },
  sysctls: { "ipv4/ip_forward": "0" },
  sockets: { "tcp LISTEN 0.0.0.0:22 0.0.0.0:*": "" },
  processes: { "0 /usr/sbin/sshd": "1" },
};

describe("the difference of two fingerprints", () => {
  it("is empty for equal ones", () => {
    expect(diffFingerprints(host, structuredClone(host))).toEqual([]);
  });

  it("names each property that changed, with both values", () => {
    const now = {
      ...host,
      files: {
        ...host.files,
        "/etc/motd": { type: "file", mode: "0600", owner: "0:5", sha256: "aa", xattrs: "user.x=01" },
      },
    };
    expect(diffFingerprints(host, now)).toEqual([
      "files: /etc/motd changed: mode 0644 -> 0600, owner 0:0 -> 0:5, xattrs (none) -> user.x=01",
    ]);
  });

  it("names what is new and what is gone, in every section", () => {
    for (const section of Object.keys(host) as (keyof Fingerprint)[]) {
      const now: Fingerprint = { ...host, [section]: { ...host[section], planted: "x" } };
      expect(diffFingerprints(host, now)).toEqual([`${section}: planted is new (x)`]);
      expect(diffFingerprints(now, host)).toEqual([`${section}: planted is gone (x)`]);
    }
  });

  it("tells a thing that says all by its name in one line", () => {
    expect(diffFingerprints(host, { ...host, routes: {} })).toEqual(["routes: default via 10.0.0.1 dev host0 is gone"]);
    expect(diffFingerprints(host, { ...host, sysctls: { "ipv4/ip_forward": "1" } })).toEqual([
      "sysctls: ipv4/ip_forward changed: 0 -> 1",
    ]);
  });
});

describe("what a fingerprint reads", () => {
  it("leaves out on which day an account was made, and nothing else of it", () => {
    const steady = STEADY_TEXTS.get("/etc/shadow")!;
    expect(steady("root:*:20400:0:99999:7:::\npj-web:!*:20415::::::\n")).toBe(
      "root:*::0:99999:7:::\npj-web:!*:::::::\n",
    );
    expect(steady("pj-web:$y$x:20415::::::\n")).not.toBe(steady("pj-web:!*:20416::::::\n"));
  });

  it("keeps two mounts on one point apart and leaves numbers and random names out", () => {
    const text = [
      "22 28 0:21 / /proc rw,nosuid shared:12 - proc proc rw",
      "90 22 0:25 /.#proc-kmsg99539eda2c5420f2//deleted /proc/kmsg rw - tmpfs tmpfs rw,size=1k",
      "91 22 0:26 / /proc ro - tmpfs none rw",
      "",
    ].join("\n");
    expect(parseMounts(text)).toEqual({
      "/proc": "proc proc / rw,nosuid rw",
      "/proc/kmsg": "tmpfs tmpfs (deleted) rw rw,size=1k",
      "/proc (2)": "tmpfs none / ro rw",
    });
  });

  it("joins a unit's enablement and state, and passes over inactive units and those of a login", () => {
    const files = "ssh.service enabled enabled\nquota.service disabled enabled\n";
    const units =
      "ssh.service loaded active running OpenBSD Secure Shell server\nquota.service loaded inactive dead Quota\nsession-3.scope loaded active running Session 3\nrun-u2.service loaded failed failed /bin/false\n";
    expect(parseUnits(files, units)).toEqual({
      "ssh.service": { file: "enabled", state: "loaded active running" },
      "quota.service": { file: "disabled" },
      "run-u2.service": { state: "loaded failed failed" },
    });
  });

  it("splits a ruleset into its tables", () => {
    const ruleset = "table inet a {\n\tmap m {\n\t\ttype inet_service : ipv4_addr\n\t}\n}\ntable ip b {\n}\n";
    expect(parseTables(ruleset)).toEqual({ "inet a": "\tmap m {\n\t\ttype inet_service : ipv4_addr\n\t}", "ip b": "" });
    expect(parseTables("")).toEqual({});
  });

  it("leaves link-local addresses out, which follow from random hardware addresses", () => {
    const json = JSON.stringify([
      {
        ifname: "v0",
        flags: ["BROADCAST", "UP"],
        mtu: 1500,
        linkinfo: { info_kind: "veth" },
        address: "02:00:00:00:00:01",
        addr_info: [
          { local: "fe80::1", prefixlen: 64 },
          { local: "100.64.0.0", prefixlen: 31 },
        ],
      },
    ]);
    expect(parseLinks(json)).toEqual({
      v0: { kind: "veth", up: "true", mtu: "1500", master: "", addresses: "100.64.0.0/31" },
    });
  });

  it("counts equal lines instead of losing one", () => {
    expect(parseLines("a  b\na b\n")).toEqual({ "a b": "", "a b (2)": "" });
  });

  it("names private directories steadily, so that one left behind still shows", () => {
    expect(steadyPath("/tmp/systemd-private-3a644f2e410542d9a34e66383784121d-apache2.service-f99vLP/tmp/x")).toBe(
      "/tmp/systemd-private-BOOT-apache2.service-RANDOM/tmp/x",
    );
    expect(steadyPath("/tmp/systemd-private")).toBe("/tmp/systemd-private");
  });
});
