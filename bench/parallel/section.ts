import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { openSlowProxy } from "../../test/hosts/slow-proxy.ts";
import { openStack, type Stack } from "../../test/support/engine.ts";
import { median, pairRatios, seconds, withSpread } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";
import { type Report, table } from "../table.ts";

const HOSTS = 10;
const ROUNDS = 3;
/** Each way, as to a far data centre: what a run waits for, beside what this one machine does for all hosts at once. */
const LATENCY_MS = 50;

/** Milliseconds of an `up` by how many hosts get their jail in it. */
interface Times {
  readonly none: readonly number[];
  readonly one: readonly number[];
  readonly all: readonly number[];
}

/** One host beside ten, and a jail's first build beside another one of the same packages. */
export async function parallelSection(site: Site): Promise<Report> {
  const hosts: TestHost[] = [];
  for (let index = 1; index <= HOSTS; index += 1) hosts.push(await site.extraHost(`fleet${index}`));
  const far = { latencyMs: LATENCY_MS, bytesPerSecond: 1e9 };
  const links = await Promise.all(hosts.map((host) => openSlowProxy(host.address, far)));
  const stack = await open(
    hosts,
    links.map(({ port }) => port),
  );
  try {
    const none = await up(stack, 0, 0);
    const first = { none: [none], one: [await up(stack, 1, 0)], all: [await up(stack, HOSTS, 0)] };
    const before = await storeFiles(hosts);
    const second = await measureSecond(stack);
    await up(stack, HOSTS, HOSTS);
    const added = (await storeFiles(hosts)) - before;
    return report(first, second, added);
  } finally {
    await stack.destroy();
    stack.close();
    for (const link of links) link.close();
  }
}

/** Jails of the same packages by two names, on the first so many hosts each. */
const PROGRAM = `import { Config } from "@pulumi/pulumi";
import { Host, Jail } from "pulumi-jail";
const config = new Config();
for (const name of ["first", "second"])
  for (let index = 1; index <= config.requireNumber(name); index += 1)
    new Jail(\`\${name}-\${index}\`, { connection: Host.fromConfig(\`fleet\${index}\`), jailName: name, packages: ["apache2"], unit: "apache2.service" });
`;

async function open(hosts: readonly TestHost[], ports: readonly number[]): Promise<Stack> {
  const entries = hosts.map(({ name, address, hostKey }, index) => {
    const connection = { host: "127.0.0.1", port: ports[index], hostKey };
    return [name, { connection, address }] as const;
  });
  return openStack({
    program: PROGRAM,
    project: "parallel",
    config: { "pulumi-jail:hosts": Object.fromEntries(entries), first: 0, second: 0 },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: hosts[0]?.privateKeyPath ?? "" },
  });
}

async function up(stack: Stack, first: number, second: number): Promise<number> {
  const run = mustSucceed(
    await stack.up({ words: ["--config", `parallel:first=${first}`, "--config", `parallel:second=${second}`] }),
  );
  progress(`${first} first jails, ${second} second ones: ${seconds(run.durationMs)}`);
  return run.durationMs;
}

/** The second jail comes to one host, then to all, from the same state: all hosts have the first. */
async function measureSecond(stack: Stack): Promise<Times> {
  const times = { none: [] as number[], one: [] as number[], all: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1) {
    times.none.push(await up(stack, HOSTS, 0));
    times.one.push(await up(stack, HOSTS, 1));
    await up(stack, HOSTS, 0);
    times.all.push(await up(stack, HOSTS, HOSTS));
    await up(stack, HOSTS, 0);
  }
  return times;
}

async function storeFiles(hosts: readonly TestHost[]): Promise<number> {
  const count = async (host: TestHost): Promise<number> =>
    Number((await host.exec(["sh", "-c", "find /var/lib/pulumi-jail/store -type f | wc -l"])).stdout);
  return (await Promise.all(hosts.map(count))).reduce((sum, files) => sum + files, 0);
}

function report(first: Times, second: Times, added: number): Report {
  const fan = pairRatios(second.all, second.one);
  const firstAlone = median(first.one) - median(first.none);
  const secondAlone = median(second.one) - median(second.none);
  const share = secondAlone / firstAlone;
  return {
    title: "Ten hosts at once, and a second jail",
    targets: [
      {
        name: "ten hosts beside one, the second jail",
        target: "at most 1.5",
        figure: withSpread(fan),
        met: median(fan) <= 1.5,
      },
      {
        name: "a second jail of the same packages, of the first's time",
        target: "at most 0.10",
        figure: share.toFixed(2),
        met: share <= 0.1,
      },
      { name: "files that a second jail adds to the store", target: "0", figure: `${added}`, met: added === 0 },
    ],
    body: [
      table(
        ["`pulumi up`", "no jail to build", "on one host", `on ${HOSTS} hosts`],
        [
          ["the first jail", ...cells(first)],
          ["a second one of the same packages", ...cells(second)],
        ],
      ),
      `Whole runs of \`pulumi up --skip-preview\`, Apache's jail; medians of ${ROUNDS} rounds for the second jail, one run for the first. The links to the hosts take
${LATENCY_MS} ms each way. All ${HOSTS} hosts share this machine's two processors, where a fleet's hosts have their own: the first jail, which is downloading, unpacking and
tracing on the host, is shown for what it is here; the second, which is a few questions and links, is what the provider itself has to do for each host.
The share of the first's time leaves out what a run without anything to build takes.`,
    ],
  };
}

function cells(times: Times): string[] {
  return [times.none, times.one, times.all].map((values) => seconds(median(values)));
}
