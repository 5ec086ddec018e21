import type { Connection } from "./connection.ts";
import type { Host } from "./host.ts";
import { createRemoteHost } from "./remote-host.ts";
import { SshTransport } from "./ssh-host.ts";

/** The host of a connection: one SSH connection per host, shared by every resource of this process. */
export function hostFor(connection: Connection): Host {
  const key = poolKey(connection);
  const known = hosts.get(key);
  if (known !== undefined) return known;
  const host = createRemoteHost(transportFor(connection));
  hosts.set(key, host);
  return host;
}

/** Closes all connections. Not needed to exit: an idle connection does not hold the process. */
export function closeHosts(): void {
  for (const transport of transports.values()) transport.close();
  transports.clear();
  hosts.clear();
}

/**
 * What makes two connections one: the chain of user, host, port and host key. Not the credential: an open connection
 * serves every resource of its host, whichever key it was opened with.
 */
export function poolKey(connection: Connection): string {
  const hops: unknown[] = [];
  for (let hop: Connection | undefined = connection; hop !== undefined; hop = hop.proxy) {
    hops.push([
      hop.user,
      hop.host,
      hop.port,
      hop.sudo,
      hop.hostKey
        .trim()
        .split(/\s*\n\s*/)
        .sort(),
    ]);
  }
  return JSON.stringify(hops);
}

const hosts = new Map<string, Host>();
const transports = new Map<string, SshTransport>();

function transportFor(connection: Connection): SshTransport {
  const key = poolKey(connection);
  let transport = transports.get(key);
  if (transport === undefined) {
    transport = new SshTransport(connection, connection.proxy && transportFor(connection.proxy));
    transports.set(key, transport);
  }
  return transport;
}
