import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { converse, type Place } from "../../bench/services/converse.ts";
import { type PackagedService, services } from "../../bench/services/list.ts";
import { programConfig } from "../../bench/services/program.ts";
import { protocols } from "../../bench/services/protocols/index.ts";
import type { StateResource } from "../support/engine.ts";
import { expectSuccess, openSite, type Site } from "../support/site.ts";

/**
 * Daemons of very different kinds, taken from the bench's table by name: any other of its rows would do. `type` is that
 * of the jailed unit, `loosened` what the trial found that each does not run in.
 */
const cases = [
  { name: "php-fpm", type: "notify", loosened: ["SystemCallFilter"] },
  { name: "dnsmasq", type: "forking", loosened: ["RestrictAddressFamilies"] },
  { name: "nats", type: "exec", loosened: [] },
  { name: "snmpd", type: "notify", loosened: ["SystemCallFilter", "SystemCallFilter"] },
] as const;

const rows = cases.map(({ name }) => services.find((service) => service.name === name) as PackagedService);

/** All rows in one program: they are built beside each other. */
const program = `import * as pulumi from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

for (const { name, host, packages, unit, ports, files } of new pulumi.Config().requireObject("services")) {
  const jail = new Jail(name, { connection: Host.fromConfig(host), packages, unit, ...(files && { files }) });
  new JailedService(name, { jail, ports });
}
`;

let site: Site;
let installed: string;

const packagesOf = async () => (await site.host("any").exec(["dpkg-query", "--show"])).stdout;
const resource = (type: string, name: string): StateResource =>
  site.stack.resources().find((one) => one.type.endsWith(`:${type}`) && one.urn.endsWith(`::${name}`)) as StateResource;

beforeAll(async () => {
  site = await openSite("any", ["any"], {
    program,
    config: { services: rows.map((row) => programConfig(row, "any")) },
  });
  installed = await packagesOf();
  expectSuccess(await site.stack.up());
});
afterAll(() => site?.close());

describe.each(cases)("$name, by package and unit name", ({ name, type, loosened }) => {
  const unitName = () => String(resource("JailedService", name).outputs?.["unitName"]);

  it("answers its protocol at every port, from outside of its host", async () => {
    const service = rows.find((row) => row.name === name) as PackagedService;
    const endpoints = resource("JailedService", name).outputs?.["endpoints"] as Readonly<Record<string, Endpoint>>;
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

it("shows no drift, and no package that was not there before", async () => {
  expectSuccess(await site.stack.preview({ refresh: true, expectNoChanges: true }));
  expect(await packagesOf()).toBe(installed);
});

interface Endpoint {
  readonly address: string;
  readonly hostPort: number;
  readonly socketPath?: string;
}

function placeOf({ address, hostPort, socketPath }: Endpoint): Place {
  return socketPath === undefined ? { address, hostPort } : { host: site.host("any"), socketPath };
}
