import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { converse, type Place } from "../../bench/services/converse.ts";
import { type PackagedService, services } from "../../bench/services/list.ts";
import { programConfig } from "../../bench/services/program.ts";
import { protocols } from "../../bench/services/protocols/index.ts";
import type { Fingerprint } from "../../dev/hosts/index.ts";
import type { StateResource } from "../support/engine.ts";
import { changesSince, expectSuccess, fingerprints, openSite, type Site } from "../support/site.ts";

/**
 * Daemons of very different kinds, taken from the bench's table by name: any other of its rows would do. `type` is that
 * of the jailed unit, `loosened` what the trial found that each does not run in.
 */
const cases = [
  { name: "php-fpm", type: "notify", loosened: ["SystemCallFilter"] },
  { name: "dnsmasq", type: "forking", loosened: ["RestrictAddressFamilies"] },
  { name: "nats", type: "exec", loosened: [] },
  { name: "journal-gatewayd", type: "exec", loosened: [] },
  { name: "snmpd", type: "notify", loosened: ["SystemCallFilter", "SystemCallFilter"] },
] as const;

const rows = cases.map(({ name }) => services.find((service) => service.name === name) as PackagedService);

/** All rows in one program: they are built beside each other. */
const program = `import * as pulumi from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

for (const { name, host, packages, unit, ports, files } of new pulumi.Config().requireObject("services")) {
  const jail = new Jail(name, { connection: Host.fromConfig(host), packages, unit, ...(files && { files }) });
  // A change of the environment is one of the process.
  const environment = { ROUND: process.env.ROUND ?? "1" };
  new JailedService(name, { jail, ports, ...(name === "journal-gatewayd" && { environment }) });
}
`;

let site: Site;
let installed: string;
let before: Map<string, Fingerprint>;

const packagesOf = async () => (await site.host("any").exec(["dpkg-query", "--show"])).stdout;
const resource = (type: string, name: string): StateResource =>
  site.stack.resources().find((one) => one.type.endsWith(`:${type}`) && one.urn.endsWith(`::${name}`)) as StateResource;

beforeAll(async () => {
  site = await openSite("any", ["any"], {
    program,
    config: { services: rows.map((row) => programConfig(row, "any")) },
  });
  installed = await packagesOf();
  before = await fingerprints(site.hosts.hosts);
  expectSuccess(await site.stack.up());
});
afterAll(() => site?.close());

describe.each(cases)("$name, by package and unit name", ({ name, type, loosened }) => {
  const unitName = () => String(resource("JailedService", name).outputs?.["unitName"]);

  it("answers its protocol at every port, from outside of its host", async () => {
    const service = rows.find((row) => row.name === name) as PackagedService;
    const endpoints = resource("JailedService", name).outputs?.["endpoints"] as Ends;
    for (const [key, { speaks }] of Object.entries(service.ports)) {
      expect(await converse(protocols[speaks], placeOf(endpoints[key] as Endpoint), 15_000)).toMatch(/\S/);
    }
  });

  it(`runs as a unit of type ${type} and is confined, with no more of the sandbox loosened than it needs`, async () => {
    const { stdout } = await site.host("any").exec(["systemctl", "cat", unitName()]);
    expect(stdout).toContain(`\nType=${type}\n`);
    const loose =
      /^(SystemCallFilter=(@(setuid|resources)|~setgroups)|RestrictAddressFamilies=AF_NETLINK|ProcSubset=all)/gm;
    expect([...stdout.matchAll(loose)].map(([line]) => line.split("=")[0])).toEqual(loosened);
    const exposure = resource("JailedService", name).outputs?.["exposure"] as { readonly score: number } | undefined;
    expect(exposure?.score).toBeLessThanOrEqual(0.6);
  });
});

it("answers a call that takes a capability with success only where that is loosened, and still refuses all others", async () => {
  const unitName = String(resource("JailedService", "snmpd").outputs?.["unitName"]);
  const host = site.host("any");
  const { stdout: unit } = await host.exec(["systemctl", "cat", unitName]);
  const filter = unit.split("\n").filter((line) => /^SystemCall/.test(line));
  // By number, as x86-64 has them, so that one that no filter knows is among them.
  const calls = { chroot: 161, mount: 165, nobodys: 600, setgroups: 116 };
  const program = `my ($n, $a) = @ARGV; print syscall($n, 0, 0, 0, 0, 0) < 0 ? $!{EPERM} ? "refused" : "failed" : "done"`;
  const answers = async (lines: readonly string[]) => {
    const found: Record<string, string> = {};
    for (const [name, number] of Object.entries(calls)) {
      const properties = ["User=65534", "NoNewPrivileges=yes", ...lines].flatMap((line) => ["-p", line]);
      const run = ["systemd-run", "-q", "--pipe", "--wait", ...properties, "perl", "-MErrno", "-e", program];
      found[name] = (await host.exec([...run, `${number}`])).stdout;
    }
    return found;
  };
  expect(await answers(filter)).toEqual({ chroot: "refused", mount: "refused", nobodys: "refused", setgroups: "done" });
  const strict = filter.filter((line) => !line.includes("setgroups"));
  expect((await answers(strict)).setgroups).toBe("refused");
  // Without any filter the kernel itself answers: what is refused above is refused by the filter.
  expect((await answers([])).nobodys).toBe("failed");
});

it("has reached a daemon that listens on its loopback only", async () => {
  const { stdout } = await site.host("any").exec(["ip", "netns", "exec", "jail-nats-a", "ss", "-Hltn"]);
  expect(stdout).toContain("127.0.0.1:4222");
  expect(stdout).not.toMatch(/(0\.0\.0\.0|\*):4222/);
});

describe("a daemon that systemd hands its sockets", () => {
  const { http } = protocols;
  const ends = () => resource("JailedService", "journal-gatewayd").outputs?.["endpoints"] as Ends;
  const asked = () => converse(http, placeOf(ends()["http"] as Endpoint), 15_000);
  const units = async (pattern: string) => {
    const { stdout } = await site.host("any").exec(["systemctl", "--plain", "--no-legend", "list-units", pattern]);
    return stdout.split("\n").flatMap((line) => (line === "" ? [] : [line.split(/ +/).slice(0, 4).join(" ")]));
  };

  it("gets them in its own network, and the host opens none", async () => {
    expect(await units("jailed-journal-gatewayd@*.socket")).toEqual([
      "jailed-journal-gatewayd@a-1.socket loaded active running",
    ]);
    const listens = ["ss", "-Hltn", "sport", "=", ":19531"];
    const host = site.host("any");
    expect((await host.exec(["ip", "netns", "exec", "jail-journal-gatewayd-a", ...listens])).stdout).toMatch(/:19531/);
    expect((await host.exec(listens)).stdout).toBe("");
  });

  it("has its socket's unit back when that was stopped, which a refresh names", async () => {
    await site.host("any").exec(["systemctl", "stop", "jailed-journal-gatewayd@a-1.socket"]);
    const refreshed = expectSuccess(await site.stack.preview({ refresh: true }));
    expect(refreshed.stdout).toMatch(/jailed-journal-gatewayd@a(-1\.socket|\.service)/);
    expectSuccess(await site.stack.up({ refresh: true }));
    expect(await asked()).toMatch(/HTTP/);
  });

  it("is switched over with its sockets, and nothing of the old slot stays", async () => {
    expectSuccess(await site.stack.up({ env: { ROUND: "2" } }));
    expect(await asked()).toMatch(/HTTP/);
    expect(await units("jailed-journal-gatewayd@*")).toEqual([
      expect.stringMatching(/^jailed-journal-gatewayd@b-net\.service loaded active /),
      "jailed-journal-gatewayd@b.service loaded active running",
      "jailed-journal-gatewayd@b-1.socket loaded active running",
    ]);
  });
});

it("shows no drift, and no package that was not there before", async () => {
  expectSuccess(await site.stack.preview({ refresh: true, expectNoChanges: true, env: { ROUND: "2" } }));
  expect(await packagesOf()).toBe(installed);
});

it("leaves the host as it was", async () => {
  expectSuccess(await site.stack.destroy());
  expect(await changesSince(before, site.hosts.hosts)).toEqual([]);
});

type Ends = Readonly<Record<string, Endpoint>>;

interface Endpoint {
  readonly address: string;
  readonly hostPort: number;
  readonly socketPath?: string;
}

function placeOf({ address, hostPort, socketPath }: Endpoint): Place {
  return socketPath === undefined ? { address, hostPort } : { host: site.host("any"), socketPath };
}
