import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStack, type Stack } from "../support/engine.ts";

const program = `
import * as pulumi from "@pulumi/pulumi";
import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";
const host = { host: "192.0.2.1", hostKey: "ssh-ed25519 AAAA" };
const first = new Jail("first", { connection: host, packages: ["apache2"], unit: "apache2.service" });
// Not known before first is there: of any type, in a place of its own or in an object or list.
const unknown = first.generation;
const is = (value) => unknown.apply(() => value);

new Jail("address", { connection: { ...host, host: is("192.0.2.2") }, packages: ["apache2"], unit: "apache2.service" });
new Jail("whole-connection", { connection: new Host("h", { connection: { ...host, port: is(22), proxy: is(host) } }), packages: ["apache2"], unit: "apache2.service" });
const jail = new Jail("inputs", {
  connection: host, jailName: is("inputs"), packages: ["apache2", is("php")], unit: is("apache2.service"), include: is(["/x"]), exclude: [is("/y")],
  files: { "/etc/x": { content: unknown, mode: is("0600") }, "/etc/y": is({ content: "y" }) }, users: is(["x"]), keepGenerations: is(2), discovery: is({ method: "static" }),
});
const service = new JailedService("service", {
  jail, serviceName: is("service"), ports: { http: is(80), https: { jailPort: is(443), hostPort: is(1443) } }, execStart: [is("/bin/x")], environment: { A: unknown },
  credentials: { token: unknown }, configFiles: is({ "/etc/z": { content: "z" } }), volumes: { data: { jailPath: is("/data"), volumeName: unknown } },
  egress: is(["10.0.0.0/8"]), limits: { memoryMax: unknown }, hardening: { UMask: unknown }, healthCheck: is({ type: "tcp" }), drainSeconds: is(3), settleSeconds: is(1), network: is("private"),
});
new PortMapping("mapping", {
  connection: host, mappingName: is("mapping"), bindPort: is(80), bindAddress: unknown, mode: "http", backends: [service.endpoints.http, is({ address: "192.0.2.3", hostPort: 80 }), { address: unknown, hostPort: is(1), weight: is(3) }],
  hostnames: [unknown], timeouts: is({ connectSeconds: 1 }), drainSeconds: is(1), balance: is("leastconn"),
});
new PortMapping("all-backends", { connection: host, bindPort: 81, backends: is([{ address: "192.0.2.3", hostPort: 80 }]) });
`;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ program });
});
afterAll(() => stack?.close());

describe("an unknown value in any input", () => {
  it("never breaks a preview", async () => {
    const preview = await stack.preview();
    expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
    expect(preview.changes).toEqual({ create: 8 });
  });
});
