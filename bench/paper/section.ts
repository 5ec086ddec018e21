import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { bytes, median, pairRatios, whole, withSpread } from "../figures.ts";
import type { Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { installWrk } from "../throughput/wrk.ts";
import { coldStart } from "./cold-start.ts";
import { type JailkitResult, measureJailkit } from "./jailkit.ts";
import { installSlap, load } from "./load.ts";
import { type Measured, openPaper } from "./site.ts";
import { countSources, countTree, type TreeCount } from "./tree.ts";

/** All that is measured of one subject. */
interface Figures extends Measured {
  readonly tree: TreeCount;
  readonly fullTree: TreeCount;
  /** Source packages whose security updates have to be watched. */
  readonly sources: { readonly minimal: number; readonly full: number };
  readonly jailkit: JailkitResult;
  readonly starts: { readonly jailed: readonly number[]; readonly bare: readonly number[] };
  readonly rates: { readonly jailed: readonly number[]; readonly bare: readonly number[] };
}

const STARTS = 3;
const ROUNDS = 6;

/** The paper's services: our jails beside jailkit's, their start and their speed beside the bare service's. */
export async function paperSection(site: Site): Promise<Report> {
  const generator = await site.extraHost("load");
  await installWrk(generator);
  await installSlap(generator);
  const tools = await site.extraHost("jailkit");
  const paper = await openPaper(site);
  try {
    const figures: Figures[] = [];
    for (const measured of paper.measured) figures.push(await measure(site, measured, generator, tools));
    return report(figures);
  } finally {
    await paper.close();
  }
}

async function measure(site: Site, measured: Measured, generator: TestHost, tools: TestHost): Promise<Figures> {
  const { subject, jailed, bare, minimal, full } = measured;
  const tree = await countTree(jailed.host, minimal.rootDirectory);
  const fullTree = await countTree(jailed.host, full.rootDirectory, subject.data);
  const sources = {
    minimal: await countSources(bare.host, minimal.packages),
    full: await countSources(bare.host, full.packages),
  };
  const starts = await alternate(STARTS, [jailed, bare], (server) => coldStart(server));
  progress(`${subject.package}: cold start in the jail, of bare: ${withSpread(pairRatios(starts[0], starts[1]))}`);
  const rates = await alternate(ROUNDS, [jailed, bare], (server) =>
    load(generator, site.hosts.subnet, server, subject.jailPort),
  );
  progress(`${subject.package}: per second in the jail, of bare: ${withSpread(pairRatios(rates[0], rates[1]))}`);
  const jailkit = await measureJailkit(tools, subject);
  return {
    ...{ ...measured, tree, fullTree, sources, jailkit },
    starts: { jailed: starts[0], bare: starts[1] },
    rates: { jailed: rates[0], bare: rates[1] },
  };
}

/** Who comes first changes each time: what one leaves is borne by the other. */
async function alternate<T>(rounds: number, [one, other]: readonly [T, T], run: (which: T) => Promise<number>) {
  const figures: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    for (const index of order) figures[index].push(await run(index === 0 ? one : other));
  }
  return figures;
}

const LIMITS: Readonly<Record<string, number>> = { apache2: 6e6, tomcat10: 200e6, "mariadb-server": 45e6 };

function report(all: readonly Figures[]): Report {
  return {
    title: "The paper's services",
    targets: all.flatMap(({ subject, tree, rates }) => {
      const limit = LIMITS[subject.package] ?? Number.POSITIVE_INFINITY;
      const rate = pairRatios(rates.jailed, rates.bare);
      return [
        {
          name: `size of ${subject.package}'s jail`,
          target: `at most ${bytes(limit)}`,
          figure: bytes(tree.bytes),
          met: tree.bytes <= limit,
        },
        {
          name: `${subject.package}: answers per second beside bare`,
          target: "at least 0.90",
          figure: withSpread(rate),
          met: median(rate) >= 0.9,
        },
      ];
    }),
    body: [
      "## What is in the jail",
      table(
        [
          "service",
          "made by",
          "files",
          "bytes",
          "executables",
          "setid files",
          "source packages to watch",
          "starts and answers",
          "attempts by hand",
        ],
        all.flatMap(contentRows),
      ),
      `pulumi-jail: from package and unit name alone. jailkit: Debian's package; "as shipped" is \`jk_init\` with the section that comes nearest and \`jk_cp\`
of the program; "by hand" is what a log, an error and a guess at a time led to (bench/paper/subjects.ts has each attempt). MariaDB's data directory is in
neither figure. An older measurement of jailkit's finished jails: ${all.map(({ subject }) => `${subject.package} ${subject.published}`).join("; ")}.`,
      "## Cold start and speed, of the bare service",
      table(
        ["service", "start to first answer", "in the jail", "bare", "answers per second", "in the jail", "bare"],
        all.map(speedRow),
      ),
      `Ratios of alternating pairs: medians and the spread; ${STARTS} starts, ${ROUNDS} rounds of load. A start is \`systemctl start\` of the stopped unit until the first
byte of an answer, seen on the host. Load: wrk, 50 connections kept alive, for the start pages of Apache and Tomcat; mariadb-slap, 20 connections, selects. Bare and
jailed run on two hosts that are alike, the load comes from a third; all share this machine's processors.
What costs the rest: each packet to a jail crosses a veth, is routed and has its address mapped, and each call that a filter of system calls looks at takes longer; a query on an open connection has
few of both beside its own work. [Requests per second](throughput.md) takes Apache's apart. A jail starts later by the mounts and the namespace that its unit makes.`,
    ],
  };
}

function contentRows({ subject, tree, fullTree, sources, jailkit }: Figures): string[][] {
  const row = (who: string, count: TreeCount, watched: string, starts: string, attempts: string): string[] => [
    ...[subject.package, who, whole(count.files), bytes(count.bytes), whole(count.executables), whole(count.setid)],
    ...[watched, starts, attempts],
  ];
  const answer = (starts: boolean): string => (starts ? "yes" : "no");
  return [
    row("pulumi-jail", tree, whole(sources.minimal), "yes", "0"),
    row('pulumi-jail, `content: "full"`', fullTree, whole(sources.full), "not tried", "0"),
    row("jailkit as shipped", jailkit.shipped, "", answer(jailkit.shippedStarts), "0"),
    row("jailkit by hand", jailkit.finished, "", answer(jailkit.finishedStarts), `${jailkit.attempts}`),
  ];
}

function speedRow({ subject, starts, rates }: Figures): string[] {
  const ms = (values: readonly number[]): string => `${median(values).toFixed(0)} ms`;
  return [
    ...[subject.package, withSpread(pairRatios(starts.jailed, starts.bare)), ms(starts.jailed), ms(starts.bare)],
    ...[withSpread(pairRatios(rates.jailed, rates.bare)), whole(median(rates.jailed)), whole(median(rates.bare))],
  ];
}
