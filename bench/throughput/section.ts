import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { median, pairRatios, whole, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { type FilterCost, filterCost } from "./call-cost.ts";
import { processorTime } from "./processor-time.ts";
import { openWays, type Way, type Ways } from "./ways.ts";
import { installWrk, type Load, runWrk } from "./wrk.ts";

/** A load, and the processor time that the server took for it. */
interface Measured extends Load {
  /** Microseconds of one processor per request. */
  readonly processor: number;
}

type Figure = Exclude<keyof Measured, "failed">;

const ROUNDS = 10;
const SECONDS = 3;

/** Requests per second and p99 of the ways to serve one page, each beside Apache bare on a host. Leaves the example up. */
export async function throughputSection(site: Site): Promise<Report> {
  await site.ensureUp();
  const load = await site.extraHost("load");
  await installWrk(load);
  const { ways, stop } = await openWays(site);
  try {
    const measured = await measureWays(site, load, Object.values(ways) as Way[]);
    return report(ways, measured, await filterCost(ways.jail.host, ways.jail.unitName));
  } finally {
    await stop();
  }
}

/**
 * All ways in turn, again and again, so that noise hits all alike: each round begins with another one, and every other
 * round goes backwards, or each way would always bear what the same one before it left (closing connections, dirty pages).
 */
async function measureWays(
  site: Site,
  load: TestHost,
  ways: readonly Way[],
): Promise<ReadonlyMap<Way, readonly Measured[]>> {
  const measured = new Map<Way, Measured[]>(ways.map((way) => [way, []]));
  for (const way of ways) await runWrk(load, site.hosts.subnet, way.url, 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    const first = Math.floor(round / 2) % ways.length;
    const turns = [...ways.slice(first), ...ways.slice(0, first)];
    for (const way of round % 2 === 0 ? turns : turns.toReversed()) {
      measured.get(way)?.push(await measureOne(site, load, way));
    }
    const latest = ways.map((way) => whole(measured.get(way)?.at(-1)?.requestsPerSecond ?? 0)).join(", ");
    progress(`round ${round + 1} of ${ROUNDS}, requests per second: ${latest}`);
  }
  return measured;
}

async function measureOne(site: Site, load: TestHost, { name, url, host, unitName }: Way): Promise<Measured> {
  const before = await processorTime(host, unitName);
  const figures = await runWrk(load, site.hosts.subnet, url, SECONDS);
  const used = (await processorTime(host, unitName)) - before;
  if (figures.failed > 0) throw new Error(`${name}: ${figures.failed} of ${figures.requests} requests failed`);
  return { ...figures, processor: (1000 * used) / figures.requests };
}

function report(ways: Ways, measured: ReadonlyMap<Way, readonly Measured[]>, filters: FilterCost): Report {
  const series = (way: Way, figure: Figure): number[] => (measured.get(way) ?? []).map((load) => load[figure]);
  const ratios = (way: Way, figure: Figure, reference = ways.bare): number[] =>
    pairRatios(series(way, figure), series(reference, figure));
  const total = (way: Way, figure: Figure): string => whole(series(way, figure).reduce((sum, count) => sum + count, 0));
  const rate = ratios(ways.jail, "requestsPerSecond");
  const part = (way: Way, reference: Way): string[] => [
    withSpread(ratios(way, "requestsPerSecond", reference)),
    withSpread(ratios(way, "processor", reference)),
  ];
  return {
    title: "Requests per second",
    targets: [
      {
        name: "requests/s in the jail beside bare on a host",
        target: "at least 0.90",
        figure: withSpread(rate),
        met: median(rate) >= 0.9,
      },
    ],
    body: [
      table(
        ["way", "requests/s, of bare", "processor time a request, of bare", "p99, of bare"],
        Object.values(ways).map((way: Way) => [way.name, ...part(way, ways.bare), withSpread(ratios(way, "p99"))]),
      ),
      `Ratios within one round; medians of ${ROUNDS} rounds, and the spread. A round loads every way in turn for ${SECONDS} s by wrk, 50 connections
kept alive, one thread, from a host of its own to other hosts. The same page and Debian's default configuration everywhere, logs on disk.
Hosts and wrk share this machine's processors, so in the edge's row HAProxy, two Apaches and wrk run side by side on them. Processor
time is that of the server's processes (in the edge's row HAProxy's; in the others Apache's), which suffers less from the machine's other work.`,
      "## What the jail costs, taken apart",
      table(
        ["part", "requests/s", "processor time a request"],
        [
          ["network alone: bare behind veth, conntrack and port map, of bare", ...part(ways.routed, ways.bare)],
          ["hardening alone: in the jail, of the jail not hardened", ...part(ways.jail, ways.unhardened)],
          [
            "tree, user and mounts: the jail not hardened, of bare behind veth and port map",
            ...part(ways.unhardened, ways.routed),
          ],
        ],
      ),
      `"Behind veth and port map": the distribution's own unit with \`NetworkNamespacePath=\` and nothing else, on a host
with the product's own table of rules. "Not hardened": the jailed
service's unit with its tree, user, mounts and log, in a namespace of the same make, without any setting of hardening.
Each packet of the jail crosses a veth, is routed and has its address mapped by conntrack (DNAT): a second passage through the host's network
stack, which bare has not. Of the rules it meets two chains with at most three matches.`,
      filterText(filters),
      "## Absolute figures of this run",
      table(
        ["way", "requests/s", "p99", "processor time a request", "requests", "connections ended by the server"],
        Object.values(ways).map((way: Way) => [
          ...[way.name, whole(median(series(way, "requestsPerSecond")))],
          ...[`${median(series(way, "p99")).toFixed(1)} ms`, `${median(series(way, "processor")).toFixed(0)} us`],
          ...[total(way, "requests"), total(way, "closed")],
        ]),
      ),
      `0 requests were refused, timed out or answered with an error. Apache ends a kept-alive connection after 100 requests and whenever it
ends a child, bare or not; wrk then opens another. The edge asks its servers on a new connection each time (\`httpReuse: "never"\`, the
default, so that no request can meet a connection that its server is just closing).`,
    ],
  };
}

function filterText({ filters, calls }: FilterCost): string {
  const slow = calls.filter(({ bare, filtered }) => filtered - bare > 0.4);
  const sum = calls.reduce((total, { bare, filtered }) => total + filtered - bare, 0);
  const each = slow.map(({ call, bare, filtered }) => `\`${call}\` ${bare.toFixed(2)} -> ${filtered.toFixed(2)} us`);
  return `Hardening costs in the filters of system calls: the unit has ${filters}, and a request makes each of the calls ${calls
    .map(({ call }) => `\`${call}\``)
    .join(", ")} once
(\`newfstatat\` twice). Timed in such a unit beside one without: ${each.join(", ") || "none is slower by 0.4 us"}; all of them together ${sum.toFixed(1)} us. The kernel keeps a bitmap of the
calls that every filter allows whatever their arguments are (seccomp(2)) and asks all filters for the others only: \`mmap\` for \`MemoryDenyWriteExecute=\`, \`openat\`
for \`RestrictSUIDSGID=\`. systemd makes a filter per setting and architecture. Nothing of it is given up for speed.`;
}
