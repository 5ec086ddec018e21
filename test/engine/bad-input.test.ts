import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStack, type Stack } from "../support/engine.ts";

// TEST-NET-1 (RFC 5737): a check that touched the network would hang here or fail with another message.
const hosts = {
  web1: { connection: { host: "192.0.2.1" } },
  edge: { connection: { host: "192.0.2.2", hostKey: "ssh-ed25519 AAAA" } },
};

const program = `
import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";
const apache = new Jail("apache", {
  connection: Host.fromConfig("web1"), packages: ["apache2"], unit: "apache2",
  include: ["/ok", "/fine", "../etc"], files: { "/etc/passwd": { content: "root" } },
});
const web = new JailedService("web", {
  jail: apache, ports: { http: { jailPort: 80, hostPort: 25000 }, www: 80 },
  hardening: { CapabilityBoundingSet: "CAP_SYS_ADMIN" },
});
new PortMapping("site", { connection: Host.fromConfig("edge"), mappingName: "a;b", bindPort: 80, backends: [] });
`;

let stack: Stack;
beforeAll(async () => {
  stack = await openStack({ program, config: { "pulumi-jail:hosts": hosts } });
});
afterAll(() => stack?.close());

describe("bad input", () => {
  it("is answered in the preview, offline, all of one resource's mistakes at once with their exact paths", async () => {
    const preview = await stack.preview();
    expect(preview.exitCode).not.toBe(0);
    const said = preview.diagnostics.map((diagnostic) => diagnostic.message).join("\n");
    for (const [property, reason] of [
      ["connection.hostKey", "web1 has no host key; set hostKey or knownHosts"],
      ["unit", '"apache2" has no suffix; did you mean "apache2.service"?'],
      ["include[2]", '"../etc" is not an absolute path'],
      ['files["/etc/passwd"]', "passwd, group and hosts are made per service"],
    ]) {
      expect(said).toContain(property);
      expect(said).toContain(reason);
    }
  });
});
