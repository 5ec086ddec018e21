import { afterEach, describe, expect, it } from "vitest";
import { certificateOf } from "../support/certificates.ts";
import { openStack, type Stack } from "../support/engine.ts";

// TEST-NET-1 (RFC 5737): a check that touched the network would hang here or fail with another message.
const hosts = {
  web1: { connection: { host: "192.0.2.1", hostKey: "ssh-ed25519 AAAA" } },
  unpinned: { connection: { host: "192.0.2.2" } },
};

/** A resource's mistakes, and what the preview has to say of each: the exact path and what would be right. */
const cases: readonly (readonly [string, string, readonly (readonly [string, string])[]])[] = [
  [
    "Jail",
    `new Jail("apache", { connection: Host.fromConfig("unpinned"), packages: ["apache2"], unit: "apache2",
       include: ["/ok", "/fine", "../etc"], files: { "/etc/passwd": { content: "root" } } });`,
    [
      ["connection.hostKey", "unpinned has no host key; set hostKey or knownHosts"],
      ["unit", '"apache2" has no suffix; did you mean "apache2.service"?'],
      ["include[2]", '"../etc" is not an absolute path'],
      ['files["/etc/passwd"]', "passwd, group and hosts are made per service"],
    ],
  ],
  [
    "Jail without anything to run",
    `new Jail("apache", { connection: Host.fromConfig("web1") });`,
    [["packages", "give packages and a unit, or programs"]],
  ],
  [
    "PortReservation",
    `new JailedService("web", { jail, ports: { http: { jailPort: 80, hostPort: 25000 }, www: 80 } });`,
    [
      ["ports.http.hostPort", "25000 lies in the allocated range 20128-31999"],
      ["ports", "http and www both have jailPort 80/tcp"],
    ],
  ],
  [
    "JailedService",
    `new JailedService("web", { jail, ports: { http: 80 }, hardening: { CapabilityBoundingSet: "CAP_SYS_ADMIN" },
       switchover: "overlap", volumes: { data: { jailPath: "/var/lib/x" } } });`,
    [
      ["hardening.CapabilityBoundingSet", '"CAP_SYS_ADMIN" is not allowed'],
      ["switchover", '"overlap" would run two processes on volume "data"'],
    ],
  ],
  [
    "PortMapping",
    `new PortMapping("site", { connection: Host.fromConfig("web1"), mappingName: "a;b", bindPort: 80, backends: [] });`,
    [
      ["mappingName", '";" is not allowed'],
      ["backends", 'empty; for a pause set state "maint"'],
    ],
  ],
];

let stack: Stack | undefined;
afterEach(() => stack?.close());

describe("bad input", () => {
  it.each(cases)(
    "of a %s is answered in the preview, offline, all of it at once with exact paths",
    async (_, text, failures) => {
      const program = `
      import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";
      const jail = { host: Host.fromConfig("web1"), jailName: "apache", generation: "0123456789abcdef" };
      ${text}`;
      stack = await openStack({ program, config: { "pulumi-jail:hosts": hosts } });
      const preview = await stack.preview();
      expect(preview.exitCode).not.toBe(0);
      const said = preview.diagnostics.map((diagnostic) => diagnostic.message);
      for (const [property, reason] of failures) {
        expect(
          said.filter((message) => message.includes(`property ${property} `) && message.includes(reason)),
        ).toHaveLength(1);
      }
    },
  );

  it("of a certificate is told by the preview, which it does not fail, and a good one is not a word", async () => {
    const program = `
      import { Host, PortMapping } from "pulumi-jail";
      const tls = { certificates: [${JSON.stringify(certificateOf("shop"))}] };
      const rest = { connection: Host.fromConfig("web1"), mode: "http", tls, backends: [{ address: "192.0.2.9", hostPort: 80 }] };
      new PortMapping("fits", { ...rest, bindPort: 443, hostnames: ["shop.example"] });
      new PortMapping("odd", { ...rest, bindPort: 8443, hostnames: ["else.example"] });`;
    stack = await openStack({ program, config: { "pulumi-jail:hosts": hosts } });
    const preview = await stack.preview();
    expect(preview.changes).toEqual({ create: 2 });
    const warnings = preview.diagnostics.filter(({ severity }) => severity === "warning");
    expect(warnings).toMatchObject([
      { message: "no certificate of tls.certificates covers else.example", urn: expect.stringMatching(/::odd$/) },
    ]);
  });

  it("is the only reason: the same program with good input previews", async () => {
    const program = `
      import { Host, Jail } from "pulumi-jail";
      new Jail("apache", { connection: Host.fromConfig("web1"), packages: ["apache2"], unit: "apache2.service" });`;
    stack = await openStack({ program, config: { "pulumi-jail:hosts": hosts } });
    expect((await stack.preview()).changes).toEqual({ create: 1 });
  });
});
