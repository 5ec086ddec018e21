import { progress } from "../../dev/progress.ts";
import { bytes, median, seconds } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { type HostTraffic, type Measurement, measure, OPERATIONS, type Operation } from "./measure.ts";

/** One operation by both providers, run one after the other. */
interface Pair {
  readonly operation: Operation;
  readonly ours: Measurement;
  readonly empty: Measurement;
}

const ROUNDS = 3;
/** What leaves everything as it is can be run twice a round. */
const REPEATED: readonly Operation[] = ["no-op preview", "no-op up", "preview --refresh"];
/** No new round is begun after this, so that a slow machine still ends in time. */
const NO_MORE_ROUNDS_AFTER_MS = 6 * 60_000;

/** Wall time of each operation beside the bare engine's, and what it sends over SSH. */
export async function engineSection(site: Site): Promise<Report> {
  await site.ensureGone();
  const pairs: Pair[] = [];
  const started = performance.now();
  let rounds = 0;
  while (rounds < ROUNDS && performance.now() - started < NO_MORE_ROUNDS_AFTER_MS) {
    rounds += 1;
    for (const operation of OPERATIONS) {
      const times = REPEATED.includes(operation) ? 2 : 1;
      for (let time = 0; time < times; time += 1) pairs.push(await measurePair(site, operation, rounds + time));
    }
  }
  return report(pairs, rounds, resourcesByHost(site));
}

/** Who comes first changes each time, as caches favour the second. */
async function measurePair(site: Site, operation: Operation, turn: number): Promise<Pair> {
  const oursFirst = turn % 2 === 1;
  const first = await measure(site, oursFirst ? site.stack : site.empty, operation);
  const second = await measure(site, oursFirst ? site.empty : site.stack, operation);
  const [ours, empty] = oursFirst ? [first, second] : [second, first];
  progress(`${operation}: ${seconds(ours.milliseconds)}, bare engine ${seconds(empty.milliseconds)}`);
  if (empty.traffic.some((host) => host.connections > 0)) throw new Error("the empty provider asked a host");
  return { operation, ours, empty };
}

/** The example's program: a jail, a reservation and a service on each web host, a mapping on the edge. */
function resourcesByHost(site: Site): ReadonlyMap<string, number> {
  return new Map(site.hosts.hosts.map(({ name }) => [name, name === "edge" ? 1 : 3]));
}

function report(pairs: readonly Pair[], rounds: number, resources: ReadonlyMap<string, number>): Report {
  const by = (operation: Operation): Pair[] => pairs.filter((pair) => pair.operation === operation);
  const difference = (operation: Operation): number =>
    median(by(operation).map(({ ours, empty }) => ours.milliseconds - empty.milliseconds));
  const most = (operation: Operation, figure: (host: HostTraffic) => number): number =>
    Math.max(...by(operation).flatMap(({ ours }) => ours.traffic.map(figure)));
  const perResource = (host: HostTraffic): number => host.roundTrips / (resources.get(host.host) ?? 1);
  const connections = Math.max(...OPERATIONS.map((operation) => most(operation, (host) => host.connections)));
  const refresh = most("preview --refresh", perResource);
  const create = most("first up", perResource);
  const noOp = difference("no-op up");
  return {
    title: "Time beside the bare engine, and SSH",
    targets: [
      ["no-op up over the empty provider's", "at most 1.5 s", seconds(noOp), noOp <= 1500] as const,
      ["SSH connections per host and run", "1", `at most ${connections}`, connections <= 1] as const,
      ["round trips per resource, no-op refresh", "at most 2", refresh.toFixed(2), refresh <= 2] as const,
      ["round trips per resource, create", "at most 4", create.toFixed(2), create <= 4] as const,
    ].map(([name, target, figure, met]) => ({ name, target, figure, met })),
    body: [
      "## Wall time",
      table(
        ["operation", "pairs", "ratio", "difference", "pulumi-jail", "bare engine", "fastest of each"],
        OPERATIONS.map((operation) => timeRow(operation, by(operation), difference(operation))),
      ),
      `Medians of alternating pairs in ${rounds} rounds; the last column is the fastest run of each, which other work on the machine disturbs least. The bare engine's time is that of the same program with a provider that does nothing
(\`test/fixtures/empty-provider\`). \`up\` and \`destroy\` run with \`--skip-preview\`. The first \`up\` starts from hosts without Apache
and HAProxy: packages are downloaded by each host. A page change is \`files\` of both jails: two builds, two switchovers.`,
      "## Over SSH, by kind of host",
      table(
        ["operation", "host", "connections", "round trips", "per resource", "sent", "received"],
        OPERATIONS.flatMap((operation) => trafficRows(operation, by(operation), resources)),
      ),
      `A round trip is one command started by the host's sshd, counted in the host's own journal (\`Starting session\`); connections and bytes are
counted by a TCP forwarder between provider and sshd (payload, with SSH's key exchange and padding). Medians of the rounds; "web" is
the larger of both web hosts. A web host carries 3 resources (jail, port reservation, service), the edge 1.`,
    ],
  };
}

function timeRow(operation: Operation, pairs: readonly Pair[], difference: number): string[] {
  const ratio = median(pairs.map(({ ours, empty }) => ours.milliseconds / empty.milliseconds));
  const of = (which: "ours" | "empty"): string => seconds(median(pairs.map((pair) => pair[which].milliseconds)));
  const fastest = (which: "ours" | "empty"): string =>
    seconds(Math.min(...pairs.map((pair) => pair[which].milliseconds)));
  return [
    ...[operation, `${pairs.length}`, `${ratio.toFixed(2)}x`, seconds(difference), of("ours"), of("empty")],
    `${fastest("ours")} / ${fastest("empty")}`,
  ];
}

function trafficRows(operation: Operation, pairs: readonly Pair[], resources: ReadonlyMap<string, number>): string[][] {
  const row = (kind: string, of: (ours: Measurement) => HostTraffic, count: number): string[] => {
    const middle = (figure: (host: HostTraffic) => number): number => median(pairs.map(({ ours }) => figure(of(ours))));
    const roundTrips = middle((host) => host.roundTrips);
    const volume = [bytes(middle((host) => host.sent)), bytes(middle((host) => host.received))];
    return [
      ...[operation, kind, `${middle((host) => host.connections)}`, `${roundTrips}`],
      ...[(roundTrips / count).toFixed(2), ...volume],
    ];
  };
  const all = [...resources.values()].reduce((sum, count) => sum + count, 0);
  const web = (ours: Measurement): HostTraffic => largest(ours.traffic.filter(({ host }) => host !== "edge"));
  const edge = (ours: Measurement): HostTraffic => largest(ours.traffic.filter(({ host }) => host === "edge"));
  return [
    row("web", web, resources.get("web1") ?? 1),
    row("edge", edge, resources.get("edge") ?? 1),
    row("all three", (ours) => sum(ours.traffic), all),
  ];
}

function largest(hosts: readonly HostTraffic[]): HostTraffic {
  return combine(hosts, (figures) => Math.max(...figures));
}

function sum(hosts: readonly HostTraffic[]): HostTraffic {
  return combine(hosts, (figures) => figures.reduce((total, figure) => total + figure, 0));
}

function combine(hosts: readonly HostTraffic[], how: (figures: readonly number[]) => number): HostTraffic {
  return {
    host: hosts.map(({ host }) => host).join(", "),
    connections: how(hosts.map(({ connections }) => connections)),
    roundTrips: how(hosts.map(({ roundTrips }) => roundTrips)),
    sent: how(hosts.map(({ sent }) => sent)),
    received: how(hosts.map(({ received }) => received)),
  };
}
