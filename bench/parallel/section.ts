import { progress } from "../../dev/progress.ts";
import { bytes, median, pairRatios, seconds, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, type Target, table } from "../table.ts";
import { HOSTS, LATENCY_MS, openFleet, PAGE_BYTES } from "./fleet.ts";
import { type Measured, measureFleet, type Times } from "./measure.ts";

/** Of a core, each host: all of them use at most one, and the other one of two is the engine's and the provider's. */
const CORES = 0.1;
const SLOW_ROUNDS = 3;
const FAST_ROUNDS = 2;

/** One host beside ten, and a jail's first build beside another one of the same packages. */
export async function parallelSection(site: Site): Promise<Report> {
  const fleet = await openFleet(site);
  try {
    progress(`every host is a slow machine: ${CORES} of a core`);
    for (const host of fleet.hosts) host.limitProcessor(CORES);
    const slow = await measureFleet(fleet, SLOW_ROUNDS);
    progress("no host is limited");
    for (const host of fleet.hosts) host.limitProcessor(undefined);
    return report(slow, await measureFleet(fleet, FAST_ROUNDS));
  } finally {
    await fleet.close();
  }
}

function report(slow: Measured, fast: Measured): Report {
  return {
    title: "Ten hosts at once, and a second jail",
    targets: [
      ...(["first", "second"] as const).map((which) => fan(which, slow)),
      {
        name: "a second jail of the same packages, of the first's time, on one host",
        target: "at most 0.10",
        figure: shareOf(slow).toFixed(2),
        met: shareOf(slow) <= 0.1,
      },
      count("files that a second jail adds to the store", slow.added + fast.added),
      {
        name: `sent over SSH for the second jail, of a page of ${bytes(PAGE_BYTES)} and the rest of what the first needed`,
        target: `less than ${bytes(PAGE_BYTES)}`,
        figure: bytes(slow.wire.second.sent),
        met: slow.wire.second.sent < PAGE_BYTES,
      },
    ],
    body: [
      "## Every host a machine of its own",
      timesTable(slow),
      `Whole runs of \`pulumi up --skip-preview\`, Apache's jail (on the first host with a page of ${bytes(PAGE_BYTES)} in \`files\`); medians of ${SLOW_ROUNDS} rounds for the second jail, one run for the first. The links to
the hosts take ${LATENCY_MS} ms each way. Each host gets at most ${CORES} of a core (control group), alone or not: ${HOSTS} hosts need no more than one core, and what is left is
the engine's and the provider's, as on a machine that runs \`pulumi up\` for a fleet. The share of the first's time leaves out what a run without anything to build takes.`,
      "## What goes over the wire for one host",
      table(
        ["", "round trips", "sent", "received"],
        (["first", "second"] as const).map((which) => {
          const { roundTrips, sent, received } = slow.wire[which];
          return [names[which], `${roundTrips}`, bytes(sent), bytes(received)];
        }),
      ),
      `Counted by a TCP forwarder before the host's sshd (payload, with SSH's key exchange and padding) and in sshd's journal. Packages are downloaded by the host
itself. The first jail's page is sent once; the second jail's is in the store already, as all its other files are. What is sent for it are the questions, the steps as scripts, and its manifest.`,
      "## All hosts on this machine's processors",
      timesTable(fast),
      `The same without any limit, ${FAST_ROUNDS} rounds: here the hosts' own work, which is downloading, unpacking and tracing, shares the processors with all the rest,
so that ten hosts beside one (${withSpread(pairRatios(fast.first.all, fast.first.one))} for the first jail, ${withSpread(pairRatios(fast.second.all, fast.second.one))} for the second) say more of this machine than of the provider.
The second jail takes ${shareOf(fast).toFixed(2)} of the first's time.`,
    ],
  };
}

const names = { first: "the first jail", second: "a second one of the same packages" } as const;

function fan(which: "first" | "second", measured: Measured): Target {
  const ratios = pairRatios(measured[which].all, measured[which].one);
  const name = `ten hosts beside one, ${names[which]}`;
  return { name, target: "at most 1.5", figure: withSpread(ratios), met: median(ratios) <= 1.5 };
}

function count(name: string, found: number): Target {
  return { name, target: "0", figure: `${found}`, met: found === 0 };
}

function shareOf({ first, second }: Measured): number {
  return (median(second.one) - median(second.none)) / (median(first.one) - median(first.none));
}

function timesTable(measured: Measured): string {
  const row = (which: "first" | "second"): string[] => [names[which], ...cells(measured[which])];
  return table(
    ["`pulumi up`", "no jail to build", "on one host", `on ${HOSTS} hosts`, `${HOSTS} hosts, of one`],
    [row("first"), row("second")],
  );
}

function cells(times: Times): string[] {
  const middle = [times.none, times.one, times.all].map((values) => seconds(median(values)));
  return [...middle, withSpread(pairRatios(times.all, times.one))];
}
