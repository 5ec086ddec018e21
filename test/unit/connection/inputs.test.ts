import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { checkConnection } from "../../../provider/connection/inputs.ts";
import { hostKeysFor } from "../../../provider/connection/known-hosts.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA";

describe("the check of a connection", () => {
  it("fills in every default", () => {
    expect(checkConnection({ host: "10.0.0.1", hostKey: `${key} root@web1\n` })).toEqual({
      connection: {
        host: "10.0.0.1",
        port: 22,
        user: "root",
        sudo: false,
        hostKey: key,
        dialErrorLimit: 10,
        perDialTimeout: 15,
      },
      failures: [],
    });
  });

  it("uses sudo for users other than root", () => {
    expect(checkConnection({ host: "h", hostKey: key, user: "ops" }).connection.sudo).toBe(true);
  });

  it("keeps this host's keys of knownHosts only", () => {
    const knownHosts = `other ${key}X\n[h]:2222 ${key}Y\nh,10.0.0.1 ${key}\n`;
    expect(checkConnection({ host: "h", knownHosts }).connection.hostKey).toBe(key);
    expect(checkConnection({ host: "h", port: 2222, knownHosts }).connection.hostKey).toBe(`${key}Y`);
  });

  it("demands a host key on every hop and tells all failures at once", () => {
    const proxy = { host: "jump", user: "a b" };
    expect(checkConnection({ name: "web1", host: "10.0.0.1", port: 70000, proxy }).failures).toEqual([
      { property: "connection.port", reason: "70000 is no port; 1 to 65535" },
      { property: "connection.hostKey", reason: "web1 has no host key; set hostKey or knownHosts" },
      { property: "connection.proxy.user", reason: '"a b" is no user name' },
      { property: "connection.proxy.hostKey", reason: "jump has no host key; set hostKey or knownHosts" },
    ]);
  });

  it("never shows a credential of a wrong type", () => {
    const { failures } = checkConnection({ host: "h", hostKey: key, password: { canary: "s3cret" } });
    expect(failures).toEqual([{ property: "connection.password", reason: "is not a string" }]);
  });

  it.each(["host", "port", "user", "hostKey", "knownHosts", "privateKey", "proxy", "sudo"])(
    "passes an unknown %s",
    (field) => {
      const given = { host: "h", ...(field === "knownHosts" ? {} : { hostKey: key }), [field]: UNKNOWN };
      expect(checkConnection(given).failures).toEqual([]);
    },
  );

  it("passes a wholly unknown connection", () => {
    expect(checkConnection(UNKNOWN)).toEqual({ connection: UNKNOWN, failures: [] });
  });
});

describe("known_hosts", () => {
  it("is understood with hashed names, and without revoked keys", () => {
    const salt = Buffer.from("0123456789abcdefghij").toString("base64");
    const hash = createHmac("sha1", Buffer.from(salt, "base64")).update("h").digest("base64");
    const text = `|1|${salt}|${hash} ${key}\n@revoked h ${key}R\n# h ${key}C\n*.x,!bad.x ${key}W\n`;
    expect(hostKeysFor(text, "h", 22)).toEqual([key]);
    expect(hostKeysFor(text, "good.x", 22)).toEqual([`${key}W`]);
    expect(hostKeysFor(text, "bad.x", 22)).toEqual([]);
  });
});
