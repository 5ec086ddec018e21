import { readFileSync } from "node:fs";
import type { Connection } from "./connection.ts";

/** How to log in. One way and no other is tried: sshd counts failed logins and punishes them (OpenSSH 9.8). */
export type Credential =
  | { readonly type: "privateKey"; readonly privateKey: string; readonly passphrase?: string; readonly from: string }
  | { readonly type: "password"; readonly password: string; readonly from: string }
  | { readonly type: "agent"; readonly socketPath: string; readonly from: string };

/** The environment, as far as it is asked. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The first credential that exists: environment, `privateKey`, `password`, agent. The environment comes first, as the
 * state keeps the credential of the last update, which may be long dead at a refresh or destroy.
 */
export function chooseCredential(connection: Connection, environment: Environment): Credential | undefined {
  const passphrase = connection.privateKeyPassword;
  const key = environment["PULUMI_JAIL_PRIVATE_KEY"];
  if (key) return { type: "privateKey", privateKey: key, passphrase, from: "PULUMI_JAIL_PRIVATE_KEY" };
  const file = environment["PULUMI_JAIL_PRIVATE_KEY_FILE"];
  if (file) {
    const from = `PULUMI_JAIL_PRIVATE_KEY_FILE (${file})`;
    return { type: "privateKey", privateKey: readFileSync(file, "utf8"), passphrase, from };
  }
  if (connection.privateKey) {
    return { type: "privateKey", privateKey: connection.privateKey, passphrase, from: "connection.privateKey" };
  }
  if (connection.password) return { type: "password", password: connection.password, from: "connection.password" };
  // The running process's agent wins: a recorded path is that of a session which is gone.
  const running = environment["SSH_AUTH_SOCK"];
  if (running) return { type: "agent", socketPath: running, from: "the agent of SSH_AUTH_SOCK" };
  if (connection.agentSocketPath) {
    return { type: "agent", socketPath: connection.agentSocketPath, from: "the agent of connection.agentSocketPath" };
  }
  return undefined;
}
