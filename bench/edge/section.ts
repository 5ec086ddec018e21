import { median, pairRatios, seconds, whole, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import type { Load } from "../throughput/wrk.ts";
import { type Moved, measureMoves, measureReplacements, REPEATS, REPLICAS, type Replaced } from "./changes.ts";
import { type Failover, measureKill, measureSilence, SLOW_MS } from "./failover.ts";
import type { Server } from "./plain-haproxy.ts";
import { measureRates, type Rates, ROUNDS, SECONDS } from "./rates.ts";
import { openEdge } from "./site.ts";

/** What the edge costs beside a proxy configured by hand, and how long its changes and failures take. Leaves the example up. */
export async function edgeSection(site: Site): Promise<Report> {
  await site.ensureUp();
  const mapped = await openEdge(site);
  try {
    const rates = await measureRates(site, mapped, serversOf(site));
    const moves = await measureMoves(mapped);
    const killed = await measureKill(mapped);
    const silent = await measureSilence(site, mapped);
    const atOnce = await measureReplacements(mapped, REPLICAS);
    const rolling = await measureReplacements(mapped, 4);
    return report({ rates, moves, killed, silent, atOnce, rolling });
  } finally {
    await mapped.close();
  }
}

interface Measured {
  readonly rates: Rates;
  readonly moves: readonly Moved[];
  readonly killed: Failover;
  readonly silent: Failover;
  readonly atOnce: Replaced;
  readonly rolling: Replaced;
}

/** The example's jails. */
function serversOf(site: Site): readonly Server[] {
  const found = site.stack.resources().flatMap(({ type, outputs }) => {
    const { http } = (outputs?.["endpoints"] ?? {}) as { readonly http?: Server };
    return type.endsWith(":JailedService") && http ? [{ address: http.address, hostPort: http.hostPort }] : [];
  });
  if (found.length !== 2) throw new Error(`the example has ${found.length} services, not 2`);
  return found;
}

function report({ rates, moves, killed, silent, atOnce, rolling }: Measured): Report {
  const ratios = (ours: readonly Load[], other: readonly Load[]) =>
    pairRatios(
      ours.map((one) => one.requestsPerSecond),
      other.map((one) => one.requestsPerSecond),
    );
  const rateTarget = (name: string, ours: readonly Load[], other: readonly Load[]) => ({
    name: `requests/s through the edge beside plain HAProxy, ${name}`,
    target: "at least 0.97",
    figure: withSpread(ratios(ours, other)),
    met: median(ratios(ours, other)) >= 0.97,
  });
  const noneFailed = (name: string, { failed, asked }: { readonly failed: number; readonly asked: number }) => ({
    name,
    target: "0 requests failed",
    figure: `${failed} of ${whole(asked)}`,
    met: failed === 0,
  });
  const loaded = ({ load }: Replaced) => ({ failed: load.failed, asked: load.requests });
  const row = (name: string, loads: readonly Load[]) => [
    name,
    whole(median(loads.map((one) => one.requestsPerSecond))),
    `${median(loads.map((one) => one.p50)).toFixed(1)} ms`,
    `${median(loads.map((one) => one.p99)).toFixed(1)} ms`,
    withSpread(ratios(loads, rates.direct)),
    whole(loads.reduce((sum, one) => sum + one.requests, 0)),
  ];
  return {
    title: "The edge",
    targets: [
      rateTarget("a new connection to the server each time (the default)", rates.oursClose, rates.plainClose),
      rateTarget("connections to servers kept", rates.oursReuse, rates.plainReuse),
      noneFailed("GET while one of two servers is killed", killed),
      noneFailed("GET while the host of one of two servers falls silent", silent),
      noneFailed(`${REPLICAS} servers replaced by ${REPLICAS} others in one \`up\``, loaded(atOnce)),
      noneFailed(`${REPLICAS} servers replaced, four in each \`up\``, loaded(rolling)),
    ],
    body: [
      table(
        ["way", "requests/s", "p50", "p99", "requests/s, of direct", "requests"],
        [
          row("one jail, direct", rates.direct),
          row("our edge, new connections to two jails", rates.oursClose),
          row("plain HAProxy, the same", rates.plainClose),
          row("our edge, kept connections to two jails", rates.oursReuse),
          row("plain HAProxy, the same", rates.plainReuse),
        ],
      ),
      `Medians of ${ROUNDS} rounds; ratios within one round, median and spread. A round loads every way in turn for ${SECONDS} s by wrk, 50 connections kept alive, one thread. "Plain" is Debian's
HAProxy in Debian's unit with a configuration by hand: the same servers, choice of server, checks, retries and forwarded address. Both proxies, both Apaches and wrk share this machine's processors.`,
      "## Changes and failures",
      table(
        ["what", "time", "round trips to the edge"],
        [
          [
            "one backend by another: from `pulumi up` to its first answer",
            seconds(median(moves.map((one) => one.toTraffic))),
            "",
          ],
          [
            "the whole of that `pulumi up`",
            seconds(median(moves.map((one) => one.milliseconds))),
            String(median(moves.map((one) => one.roundTrips))),
          ],
          [`${REPLICAS} servers by others, in one \`up\``, seconds(atOnce.milliseconds), String(atOnce.roundTrips)],
          [`${REPLICAS} servers by others, in five \`up\``, seconds(rolling.milliseconds), String(rolling.roundTrips)],
          ["failover after kill -9: the longest GET", seconds(killed.longest), ""],
          [`the same: until no GET took longer than ${SLOW_MS} ms`, seconds(killed.slowFor), ""],
          ["failover from a silent host: the longest GET", seconds(silent.longest), ""],
          [`the same: until no GET took longer than ${SLOW_MS} ms`, seconds(silent.slowFor), ""],
        ],
      ),
      `Changes of one backend: medians of ${REPEATS}. \`pulumi up\` has the engine's own time in it (see engine.md). A server that was let go of is ended at once; a request that still came to it would fail.
Failover: a GET on a new connection every 10 ms, for 20 s after the fault; nothing is tried again by the client. A silent host answers no connection, so a GET that is sent there waits for \`timeouts.connectSeconds\` (5 s)
before another server is asked, until checks take it out.`,
    ],
  };
}
