import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { whole } from "../figures.ts";
import type { Site } from "../site.ts";
import { installWrk, type Load, runWrk } from "../throughput/wrk.ts";
import { PORTS, type Server, startPlainHaproxy } from "./plain-haproxy.ts";
import type { MappedEdge } from "./site.ts";

export const ROUNDS = 12;
export const SECONDS = 2;

/** What wrk found, by way and round. */
export interface Rates {
  readonly direct: readonly Load[];
  /** A new connection to the server for each request, which is our default. */
  readonly oursClose: readonly Load[];
  readonly plainClose: readonly Load[];
  /** Connections to servers are kept. */
  readonly oursReuse: readonly Load[];
  readonly plainReuse: readonly Load[];
}

/** One jail direct, and both through our edge and through a plain HAProxy: all in turn, each round beginning with another way. */
export async function measureRates(site: Site, mapped: MappedEdge, servers: readonly Server[]): Promise<Rates> {
  const [load, plain] = [await site.extraHost("load"), await site.extraHost("plain")];
  await installWrk(load);
  await startPlainHaproxy(plain, servers);
  await mapped.up({
    close: { bindPort: PORTS.close, backends: servers, httpReuse: "never" },
    reuse: { bindPort: PORTS.reuse, backends: servers, httpReuse: "safe" },
  });
  const at = (host: TestHost, port: number) => `http://${host.address}:${port}/`;
  const urls: Readonly<Record<keyof Rates, string>> = {
    direct: `http://${servers[0]?.address}:${servers[0]?.hostPort}/`,
    oursClose: at(mapped.edge, PORTS.close),
    plainClose: at(plain, PORTS.close),
    oursReuse: at(mapped.edge, PORTS.reuse),
    plainReuse: at(plain, PORTS.reuse),
  };
  const ways = Object.keys(urls) as (keyof Rates)[];
  const rates: Record<keyof Rates, Load[]> = {
    direct: [],
    oursClose: [],
    plainClose: [],
    oursReuse: [],
    plainReuse: [],
  };
  for (const way of ways) await runWrk(load, site.hosts.subnet, urls[way], 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = Math.floor(round / 2) % ways.length;
    const turns = [...ways.slice(first), ...ways.slice(0, first)];
    for (const way of round % 2 === 0 ? turns : turns.toReversed()) {
      const figures = await runWrk(load, site.hosts.subnet, urls[way], SECONDS);
      if (figures.failed > 0) throw new Error(`${way}: ${figures.failed} of ${figures.requests} requests failed`);
      rates[way].push(figures);
    }
    const latest = ways.map((way) => `${way} ${whole(rates[way].at(-1)?.requestsPerSecond ?? 0)}`);
    progress(`round ${round + 1} of ${ROUNDS}, requests per second: ${latest.join(", ")}`);
  }
  return rates;
}
