import type { TestHost } from "../../dev/hosts/index.ts";

/** What one run of wrk found. */
export interface Load {
  readonly requestsPerSecond: number;
  /** Milliseconds within which half of the requests were answered. */
  readonly p50: number;
  /** Milliseconds within which 99 % of the requests were answered. */
  readonly p99: number;
  readonly requests: number;
  /** Connections that could not be made or written to, time-outs, and answers other than 2xx and 3xx. */
  readonly failed: number;
  /** Kept-alive connections that the server ended: Apache does so after 100 requests and when it ends a child; wrk opens another. */
  readonly closed: number;
}

/** Reads what `wrk --latency` prints (4.1 and 4.2). */
export function parseWrk(text: string): Load {
  const requestsPerSecond = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(text)?.[1]);
  const requests = Number(/^\s*(\d+) requests in /m.exec(text)?.[1]);
  const [p50, p99] = [within(text, 50), within(text, 99)];
  if (!Number.isFinite(requestsPerSecond + requests + p50 + p99)) throw new Error(`wrk printed no figures:\n${text}`);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  const [connect = 0, closed = 0, write = 0, timeout = 0] = errors.map(Number);
  const refused = Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0);
  return { requestsPerSecond, p50, p99, requests, failed: connect + write + timeout + refused, closed };
}

/** Milliseconds within which so many percent were answered. */
function within(text: string, percent: number): number {
  const [, amount, unit = ""] = new RegExp(`^\\s*${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, "m").exec(text) ?? [];
  return Number(amount) * ({ us: 0.001, ms: 1, s: 1_000, m: 60_000 }[unit] ?? Number.NaN);
}

/** Puts wrk on a host of ours; the machine itself stays as it is. */
export async function installWrk(host: TestHost): Promise<void> {
  const script = "apt-get -qq update && apt-get -qq --yes install --no-install-recommends wrk >/dev/null";
  await host.exec(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script], { timeout: 300_000 });
}

/**
 * Loads a URL from a host: 50 connections that are kept alive, one thread. Refuses a target that this host does not
 * reach over the run's own bridge: load must never leave the machine.
 */
export async function runWrk(from: TestHost, subnet: string, url: string, seconds: number): Promise<Load> {
  const { hostname, port, pathname } = new URL(url);
  const { stdout } = await from.exec(["ip", "-4", "route", "get", hostname]);
  if (!isOnBridge(subnet, hostname) || stdout.includes(" via "))
    throw new Error(`${hostname} is not on the bridge of ${subnet}: no load is sent there`);
  // The port is always named: a minimal host has no /etc/services to look "http" up in.
  const target = `http://${hostname}:${port || 80}${pathname}`;
  const words = ["wrk", "--latency", "--threads", "1", "--connections", "50", "--duration", `${seconds}s`, target];
  return parseWrk((await from.exec(words)).stdout);
}

/** Whether an address lies in a /24. */
export function isOnBridge(subnet: string, address: string): boolean {
  const prefix = /^(\d+\.\d+\.\d+\.)0\/24$/.exec(subnet)?.[1];
  return prefix !== undefined && /^[\d.]+$/.test(address) && address.startsWith(prefix);
}
