import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Connection } from "../../../provider/host/connection.ts";
import { chooseCredential } from "../../../provider/host/credential.ts";

const bare: Connection = {
  host: "web1",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};
const full: Connection = {
  ...bare,
  privateKey: "KEY",
  privateKeyPassword: "words",
  password: "secret",
  agentSocketPath: "/old",
};
const folder = mkdtempSync(join(tmpdir(), "pulumi-jail-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("the first credential that exists is chosen: environment, privateKey, password, agent", () => {
  const environment = { PULUMI_JAIL_PRIVATE_KEY: "ENV", SSH_AUTH_SOCK: "/running" };
  expect(chooseCredential(full, environment)).toEqual({
    type: "privateKey",
    privateKey: "ENV",
    passphrase: "words",
    from: "PULUMI_JAIL_PRIVATE_KEY",
  });
  expect(chooseCredential(full, {})).toMatchObject({ type: "privateKey", privateKey: "KEY", passphrase: "words" });
  expect(chooseCredential({ ...full, privateKey: undefined }, {})).toMatchObject({
    type: "password",
    password: "secret",
  });
  const agentOnly = { ...bare, agentSocketPath: "/old" };
  expect(chooseCredential(agentOnly, { SSH_AUTH_SOCK: "/running" })).toMatchObject({
    type: "agent",
    socketPath: "/running",
  });
  expect(chooseCredential(agentOnly, {})).toMatchObject({ type: "agent", socketPath: "/old" });
  expect(chooseCredential(bare, {})).toBeUndefined();
});

test("an empty variable of the environment counts as none", () => {
  const environment = { PULUMI_JAIL_PRIVATE_KEY: "", PULUMI_JAIL_PRIVATE_KEY_FILE: "", SSH_AUTH_SOCK: "" };
  expect(chooseCredential(bare, environment)).toBeUndefined();
});

test("a key file named by the environment is read, and one that is missing is an error, not the next credential", () => {
  const file = join(folder, "key");
  writeFileSync(file, "FILE");
  expect(chooseCredential(full, { PULUMI_JAIL_PRIVATE_KEY_FILE: file })).toMatchObject({ privateKey: "FILE" });
  expect(() => chooseCredential(full, { PULUMI_JAIL_PRIVATE_KEY_FILE: join(folder, "none") })).toThrow("ENOENT");
});
