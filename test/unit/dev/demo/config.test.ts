import { describe, expect, it } from "vitest";
import { withHosts } from "../../../../dev/demo/config.ts";

const web1 = { name: "web1", address: "10.0.0.11", user: "root", hostKey: "ssh-ed25519 AAAA" };
const line =
  '  pulumi-jail:hosts: {"web1":{"connection":{"host":"10.0.0.11","user":"root","hostKey":"ssh-ed25519 AAAA"}}}';

describe("the demo's stack configuration", () => {
  it("is made where there is none", () => {
    expect(withHosts("", [web1])).toBe(`config:\n${line}\n`);
    expect(withHosts("encryptionsalt: v1:x\n", [web1])).toBe(`encryptionsalt: v1:x\nconfig:\n${line}\n`);
  });

  it("stays the same when it says the same already", () => {
    const once = withHosts("encryptionsalt: v1:x\n", [web1]);
    expect(withHosts(once, [web1])).toBe(once);
  });

  it("replaces hosts in block style and keeps what a user set", () => {
    const block = `encryptionsalt: v1:x
config:
  aws:region: eu-west-1
  pulumi-jail:hosts:
    web1:
      connection:
        host: 10.9.9.9
  site:title: Hello
`;
    expect(withHosts(block, [web1])).toBe(`encryptionsalt: v1:x
config:
${line}
  aws:region: eu-west-1
  site:title: Hello
`);
  });
});
