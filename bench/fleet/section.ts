import { startLoad } from "../../test/support/load.ts";
import { bytes, median, pairRatios, seconds, whole, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { previewMs } from "./engine-preview.ts";
import { type Simulated, simulate } from "./simulation.ts";
import { type FleetSite, type Measured, openFleet } from "./site.ts";

const HOSTS = 20;
const ROUNDS = 3;
const SIMULATED = [20, 100, 1000] as const;

/** What is done to a fleet of one host and to one of all. */
const RUNS = ["nothing to do", "`preview --refresh`", "a change, one wave"] as const;

/** Twenty hosts on this machine beside one, and up to a thousand in code. */
export async function fleetSection(site: Site): Promise<Report> {
  await site.ensureGone();
  const simulated: Simulated[] = [];
  for (const count of SIMULATED) simulated.push(await simulate(count));
  const previews: number[] = [];
  for (const count of SIMULATED) previews.push(await previewMs(count));
  const fleet = await openFleet(site, HOSTS);
  try {
    let revision = 1;
    const shape = (hosts: number, waves: "one" | "default" = "one") => ({ hosts, revision, waves });
    await fleet.measure("up", shape(1), { env: { PULUMI_JAIL_UPDATE_MANIFESTS: "1" } });
    const next = () => {
      revision += 1;
    };
    const one = await measureAll(fleet, () => shape(1), next);
    const small = fleet.stack.state()?.length ?? 0;
    const grown = await fleet.measure("up", shape(HOSTS));
    const all = await measureAll(fleet, () => shape(HOSTS), next);
    const large = fleet.stack.state()?.length ?? 0;
    next();
    const load = startLoad(fleet.url, { keepAlive: 1, fresh: 1 }, 1800);
    const rollout = await fleet.measure("up", shape(HOSTS, "default"));
    const lost = await load.stop();
    const perHost = (large - small) / (HOSTS - 1);
    return report({ one, all, grown, rollout, lost, perHost, large, simulated, previews });
  } finally {
    await fleet.close();
  }
}

type ByRun = Readonly<Record<(typeof RUNS)[number], readonly Measured[]>>;

async function measureAll(
  fleet: FleetSite,
  shape: () => Parameters<FleetSite["measure"]>[1],
  next: () => void,
): Promise<ByRun> {
  const found = { "nothing to do": [], "`preview --refresh`": [], "a change, one wave": [] } as Record<
    (typeof RUNS)[number],
    Measured[]
  >;
  for (let round = 0; round < ROUNDS; round += 1) {
    found["nothing to do"].push(await fleet.measure("up", shape()));
    found["`preview --refresh`"].push(await fleet.measure("preview --refresh", shape()));
    next();
    found["a change, one wave"].push(await fleet.measure("up", shape()));
  }
  return found;
}

interface Found {
  readonly one: ByRun;
  readonly all: ByRun;
  readonly grown: Measured;
  readonly rollout: Measured;
  readonly lost: { readonly requests: number; readonly failed: number };
  /** Bytes of state that one more host adds. */
  readonly perHost: number;
  readonly large: number;
  readonly simulated: readonly Simulated[];
  readonly previews: readonly number[];
}

function report({ one, all, grown, rollout, lost, perHost, large, simulated, previews }: Found): Report {
  const runs = RUNS.flatMap((name) => [...one[name], ...all[name]]);
  const connections = Math.max(...[...runs, grown, rollout].map((run) => run.connections));
  const most = simulated.at(-1);
  const needless = Math.max(
    ...simulated.map(({ movedByOneMore, movedByOneLess }) => Math.max(movedByOneMore, movedByOneLess)),
  );
  const perMember = (most?.edges ?? 0) / (most?.hosts ?? 1);
  return {
    title: "Fleets",
    targets: [
      ["SSH connections per host and run", "1", `at most ${connections}`, connections <= 1] as const,
      [
        "requests lost while a change goes over 20 hosts",
        "0",
        `${lost.failed} of ${whole(lost.requests)}`,
        lost.failed === 0 && lost.requests > 100,
      ] as const,
      ["members that move for one host more or less", "at most 1", `${needless}`, needless <= 1] as const,
      [
        "edges of the graph per member, 1,000 hosts",
        "at most 33",
        perMember.toFixed(1),
        most !== undefined && perMember <= 33,
      ] as const,
    ].map(([name, target, figure, met]) => ({ name, target, figure, met })),
    body: [
      "## On hosts",
      table(
        ["`pulumi up`", "one host", `${HOSTS} hosts`, "ratio", "connections", "round trips per host", "bytes per host"],
        [
          ...RUNS.map((name) => row(name, one[name], all[name])),
          cells(`${HOSTS - 1} hosts more, from the lock file`, "", [grown]),
          cells("a change, in the default waves, under load", "", [rollout]),
        ],
      ),
      `Whole runs; medians of ${ROUNDS} rounds, the last two rows one run each. A host has a jail, a reservation and a service; figures of SSH are those of the host with the most. All ${HOSTS} hosts share this machine's two
processors, where a fleet's hosts have their own: what is done on the hosts themselves costs ${HOSTS} times as much here. The state of ${HOSTS} hosts has ${bytes(large)}, each one more adds ${bytes(perHost)}.`,
      "## In code",
      table(
        [
          "hosts",
          "placement",
          "moved by one more, one less",
          "waves",
          "edges",
          "each to each",
          "round trips: create, change, nothing",
          "processor per change",
          "preview by the engine",
          "state",
        ],
        simulated.map((one_, index) => simulatedRow(one_, previews[index] ?? Number.NaN, perHost)),
      ),
      `Placement, waves and edges are the provider's own functions on so many hosts with 1 to 3 slots, a member each. Members are converged by the real lifecycle against fake hosts, which answer at once: what is
left is the provider's own work for a service and its reservation. The preview is one run of the real engine without any host. The state is what the hosts above added, times so many; above ${HOSTS} hosts it is computed.`,
    ],
  };
}

function row(name: string, one: readonly Measured[], all: readonly Measured[]): string[] {
  const times = (runs: readonly Measured[]) => runs.map(({ milliseconds }) => milliseconds);
  const [, , time, , ...rest] = cells(name, "", all);
  return [name, seconds(median(times(one))), time ?? "", withSpread(pairRatios(times(all), times(one))), ...rest];
}

function cells(name: string, one: string, runs: readonly Measured[]): string[] {
  const of = (field: keyof Measured) => median(runs.map((run) => run[field]));
  return [
    name,
    one,
    seconds(of("milliseconds")),
    "",
    `${of("connections")}`,
    `${of("roundTrips")}`,
    bytes(of("bytes")),
  ];
}

function simulatedRow(found: Simulated, previewed: number, perHost: number): string[] {
  const { create, change, nothing } = found.roundTrips;
  return [
    whole(found.hosts),
    `${found.placementMs.toFixed(1)} ms`,
    `${found.movedByOneMore}, ${found.movedByOneLess}`,
    `${found.waves}`,
    whole(found.edges),
    whole(found.edgesOfAll),
    `${create}, ${change}, ${nothing}`,
    `${found.changeMs.toFixed(1)} ms`,
    seconds(previewed),
    bytes(perHost * found.hosts),
  ];
}
