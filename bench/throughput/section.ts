import { setTimeout as sleep } from "node:timers/promises";
import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { median, pairRatios, whole, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { bareApache, startApacheIn, writePage } from "./bare-apache.ts";
import { openNamespace } from "./namespace.ts";
import { startUnhardened } from "./unhardened.ts";
import { installWrk, type Load, runWrk } from "./wrk.ts";

/** One way to serve the same page. */
interface Way {
  readonly name: string;
  readonly url: string;
}

const PAIRS = 7;
const SECONDS = 4;
/** Any free port: the ways made by hand have port maps of their own. */
const HAND_PORT = 19_080;

/** Requests per second and p99 of the ways to serve one page, each beside Apache bare on a host. Leaves the example up. */
export async function throughputSection(site: Site): Promise<Report> {
  await site.ensureUp();
  const { ways, load, stop } = await prepare(site);
  try {
    const measured = await measureWays(site, load, ways);
    return report(ways, measured);
  } finally {
    await stop();
  }
}

async function prepare(site: Site): Promise<{ ways: readonly Way[]; load: TestHost; stop(): Promise<void> }> {
  const [bare, routed, load] = [
    await site.extraHost("bare"),
    await site.extraHost("routed"),
    await site.extraHost("load"),
  ];
  const web = site.hosts.host("web1");
  const jail = jailUrl(site);
  const page = await (await fetch(jail)).text();
  for (const host of [bare, routed]) {
    await bareApache(host);
    await writePage(host, page);
  }
  await startApacheIn(routed, await openNamespace(routed, HAND_PORT));
  await installWrk(load);
  const unitName = String(outputsOf(site, "::web-web1")["unitName"]);
  const unhardened = await startUnhardened(web, unitName, await openNamespace(web, HAND_PORT));
  const ways = [
    { name: "Apache bare on a host", url: `http://${bare.address}/` },
    { name: "the same, in a namespace behind veth and port map", url: `http://${routed.address}:${HAND_PORT}/` },
    { name: "the jail's tree, user and network, not hardened", url: `http://${web.address}:${HAND_PORT}/` },
    { name: "in the jail", url: jail },
    { name: "through the edge (two jails)", url: String((await site.stack.outputs())["url"]) },
  ];
  for (const { name, url } of ways) await expectPage(name, url, page);
  return { ways, load, stop: unhardened.stop };
}

/** A way that serves an error page fast would win. */
async function expectPage(name: string, url: string, page: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.status === 200) {
      const text = await answer.text();
      // The edge may answer from the other web host, whose page has the same length.
      if (text.length === page.length) return;
      throw new Error(`${name}: ${url} serves another page: ${text.slice(0, 200)}`);
    }
    if (Date.now() > deadline) throw new Error(`${name}: ${url} does not serve: ${answer?.status ?? "no answer"}`);
    await sleep(200);
  }
}

/** All ways in turn, again and again, beginning with another each time, so that noise hits all alike. */
async function measureWays(site: Site, load: TestHost, ways: readonly Way[]): Promise<Map<Way, Load[]>> {
  const measured = new Map<Way, Load[]>(ways.map((way) => [way, []]));
  for (const way of ways) await runWrk(load, site.hosts.subnet, way.url, 1);
  for (let round = 0; round < PAIRS; round += 1) {
    for (let turn = 0; turn < ways.length; turn += 1) {
      const way = ways[(round + turn) % ways.length];
      if (way === undefined) continue;
      const figures = await runWrk(load, site.hosts.subnet, way.url, SECONDS);
      if (figures.failed > 0) throw new Error(`${way.name}: ${figures.failed} of ${figures.requests} requests failed`);
      measured.get(way)?.push(figures);
    }
    const latest = ways.map((way) => whole(measured.get(way)?.at(-1)?.requestsPerSecond ?? 0)).join(", ");
    progress(`pair ${round + 1} of ${PAIRS}, requests per second: ${latest}`);
  }
  return measured;
}

function report(ways: readonly Way[], measured: ReadonlyMap<Way, readonly Load[]>): Report {
  const series = (way: Way | undefined, figure: (load: Load) => number): number[] =>
    (way === undefined ? [] : (measured.get(way) ?? [])).map(figure);
  const bare = ways[0];
  const ratios = (way: Way | undefined): number[] =>
    pairRatios(
      series(way, (load) => load.requestsPerSecond),
      series(bare, (load) => load.requestsPerSecond),
    );
  const jail = ratios(ways[3]);
  return {
    title: "Requests per second",
    targets: [
      {
        name: "requests/s in the jail, of the bare host's",
        target: "at least 90 %",
        figure:
          withSpread(
            jail.map((ratio) => ratio * 100),
            0,
          ) + " %",
        met: median(jail) >= 0.9,
      },
    ],
    body: [
      table(
        [
          "way",
          "requests/s, of bare",
          "p99, of bare",
          "requests/s",
          "p99",
          "requests",
          "connections ended by the server",
        ],
        ways.map((way) => [
          way.name,
          withSpread(ratios(way)),
          withSpread(
            pairRatios(
              series(way, (load) => load.p99),
              series(bare, (load) => load.p99),
            ),
          ),
          whole(median(series(way, (load) => load.requestsPerSecond))),
          `${median(series(way, (load) => load.p99)).toFixed(1)} ms`,
          whole(total(series(way, (load) => load.requests))),
          whole(total(series(way, (load) => load.closed))),
        ]),
      ),
      `Medians of ${PAIRS} rounds with the spread in brackets; each round runs all ways in turn, ${SECONDS} s each, and ratios are taken within a round. wrk,
50 connections kept alive, one thread, from a host of its own to other hosts; 0 requests refused, timed out or answered with an error
(Apache ends a kept-alive connection after 100 requests and whenever it ends a child, bare or not; wrk then opens another). Everything, hosts and wrk, shares this machine's processors, so
the edge's row has HAProxy, two Apaches and wrk side by side on them. The same page and Debian's default configuration everywhere, logs on disk.

What the jail costs, taken apart: the second row is the distribution's own unit and nothing but the network around it; the third adds the
jail's tree, user and mounts; the fourth adds the hardening (system call filter, capabilities, namespaces). Its own part, fourth to third: ${withSpread(
        pairRatios(jail, ratios(ways[2])),
      )}.`,
    ],
  };
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

function jailUrl(site: Site): string {
  const endpoints = site.stack
    .resources()
    .filter(({ urn }) => urn.includes("web-web1"))
    .map(
      ({ outputs }) => (outputs?.["endpoints"] as { http?: { address: string; hostPort: number } } | undefined)?.http,
    );
  const found = endpoints.find((endpoint) => typeof endpoint?.hostPort === "number");
  if (found === undefined) throw new Error("the service on web1 has no endpoint");
  return `http://${found.address}:${found.hostPort}/`;
}

function outputsOf(site: Site, urnEnd: string): Readonly<Record<string, unknown>> {
  return site.stack.resources().find(({ urn }) => urn.endsWith(urnEnd))?.outputs ?? {};
}
