import type { TestHost } from "../../dev/hosts/index.ts";

export interface Server {
  readonly address: string;
  readonly hostPort: number;
}

/** A way of the same proxy to its servers: a new connection each time, or one that is kept. */
export const PORTS = { close: 8081, reuse: 8082 } as const;

/**
 * Debian's HAProxy as its administrator would configure it for these servers: Debian's own unit, no log, as ours has none,
 * the client's address forwarded, the same choice of server, checks and retries.
 */
export async function startPlainHaproxy(host: TestHost, servers: readonly Server[]): Promise<void> {
  const install =
    "apt-get -qq update && apt-get -qq --yes install --no-install-recommends haproxy >/dev/null && cat >/etc/haproxy/haproxy.cfg && systemctl restart haproxy";
  await host.exec(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", install], {
    input: configuration(servers),
    timeout: 300_000,
  });
}

function configuration(servers: readonly Server[]): string {
  const lines = servers.map(({ address, hostPort }, at) => `  server s${at} ${address}:${hostPort} check inter 2s`);
  const listen = (name: keyof typeof PORTS, option: string) =>
    [`listen ${name}`, `  bind :${PORTS[name]}`, `  ${option}`, ...lines].join("\n");
  return `global
  user haproxy
  group haproxy
  chroot /var/lib/haproxy
defaults
  mode http
  balance leastconn
  retries 3
  option redispatch
  option forwardfor
  timeout connect 5s
  timeout client 30s
  timeout server 30s
${listen("close", "option http-server-close\n  http-reuse never")}
${listen("reuse", "http-reuse safe")}
`;
}
