import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { openStack, type Stack } from "../../test/support/engine.ts";
import { median, whole } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { installWrk, runWrk } from "../throughput/wrk.ts";
import { slowDown } from "./slow-host.ts";

const ROUNDS = 5;
const SECONDS = 5;
/** Until weights follow: pressure is an average of ten seconds, and a report moves a weight by 20 points. */
const SETTLE_SECONDS = 30;

interface Measured {
  readonly requestsPerSecond: readonly number[];
  /** Of all requests through the edge, the slow host's part. */
  readonly slowShare: number;
}

/** One of two hosts is slow: what the edge gets through with equal shares, and with weights by load. */
export async function weightsSection(site: Site): Promise<Report> {
  await site.ensureGone();
  const [fast, slow, edge] = [site.hosts.host("web1"), site.hosts.host("web2"), site.hosts.host("edge")];
  const load = await site.extraHost("load");
  await installWrk(load);
  const stack = await open(site);
  try {
    await up(stack, "configured");
    const outputs = (await stack.outputs()) as { url: string; units: readonly string[]; direct: readonly string[] };
    const slowed = await slowDown(slow, outputs.units[1] ?? "", [fast]);
    try {
      const direct: number[] = [];
      for (const url of outputs.direct)
        direct.push((await runWrk(load, site.hosts.subnet, url, SECONDS)).requestsPerSecond);
      const equal = await measure(site, load, edge, outputs.url);
      await up(stack, "load");
      await runWrk(load, site.hosts.subnet, outputs.url, SETTLE_SECONDS);
      const weighted = await measure(site, load, edge, outputs.url);
      return report(direct, equal, weighted);
    } finally {
      await slowed.stop();
    }
  } finally {
    await stack.destroy();
    stack.close();
  }
}

/** Service names of its own: their units are looked for by name. */
const PROGRAM = `import { Config } from "@pulumi/pulumi";
import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";
const weights = new Config().require("weights") as "configured" | "load";
const services = ["web1", "web2"].map((name) => {
  const jail = new Jail(\`weighed-\${name}\`, { connection: Host.fromConfig(name), packages: ["apache2"], unit: "apache2.service" });
  return new JailedService(\`weighed-\${name}\`, { jail, ports: { http: 80 } });
});
const backends = services.map(({ endpoints }) => endpoints.http);
const site = new PortMapping("site", { connection: Host.fromConfig("edge"), bindPort: 80, mode: "http", balance: "roundrobin", backends, weights });
export const url = site.url;
export const units = services.map(({ unitName }) => unitName);
export const direct = backends.map((endpoint) => endpoint.apply(({ address, hostPort }) => \`http://\${address}:\${hostPort}/\`));
`;

async function open(site: Site): Promise<Stack> {
  const entries = site.hosts.hosts.map(({ name, address, hostKey }) => [
    name,
    { connection: { host: address, hostKey }, address },
  ]);
  return openStack({
    program: PROGRAM,
    project: "weights",
    config: { "pulumi-jail:hosts": Object.fromEntries(entries), weights: "configured" },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: site.hosts.hosts[0]?.privateKeyPath ?? "" },
  });
}

async function up(stack: Stack, weights: "configured" | "load"): Promise<void> {
  mustSucceed(await stack.up({ words: ["--config", `weights:weights=${weights}`] }));
  progress(`weights: ${weights}`);
}

async function measure(site: Site, load: TestHost, edge: TestHost, url: string): Promise<Measured> {
  const before = await sessions(edge);
  const requestsPerSecond: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const found = await runWrk(load, site.hosts.subnet, url, SECONDS);
    if (found.failed > 0) throw new Error(`${found.failed} of ${found.requests} requests failed`);
    requestsPerSecond.push(found.requestsPerSecond);
    progress(`round ${round + 1} of ${ROUNDS}: ${whole(found.requestsPerSecond)} requests per second`);
  }
  const counted = (await sessions(edge)).map((count, index) => count - (before[index] ?? 0));
  const all = counted.reduce((sum, count) => sum + count, 0);
  return { requestsPerSecond, slowShare: (counted[1] ?? 0) / all };
}

/** Sessions that each server had since the proxy's start, in the order of the file; column stot of `show stat`. */
async function sessions(edge: TestHost): Promise<readonly number[]> {
  const script = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/pulumi-jail-edge/admin.sock") or die; print $s "show stat site 4 -1\\n"; $s->flush; shutdown $s, 1; print <$s>`;
  const { stdout } = await edge.exec(["perl", "-e", script]);
  const lines = stdout.split("\n").filter((line) => line.startsWith("site,"));
  return lines.map((line) => Number(line.split(",")[7]));
}

function report(direct: readonly number[], equal: Measured, weighted: Measured): Report {
  const gain = median(weighted.requestsPerSecond) / median(equal.requestsPerSecond);
  const capacity = (direct[1] ?? 0) / ((direct[0] ?? 0) + (direct[1] ?? 0));
  const off = Math.abs(weighted.slowShare - capacity);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return {
    title: "Weights by load, one slow host of two",
    targets: [
      {
        name: "requests per second, weights by load beside round robin",
        target: "at least 3 times",
        figure: gain.toFixed(2),
        met: gain >= 3,
      },
      {
        name: "the slow host's share of requests, beside its share of the capacity",
        target: "within 10 points",
        figure: `${percent(weighted.slowShare)} beside ${percent(capacity)}`,
        met: off <= 0.1,
      },
    ],
    body: [
      table(
        ["through the edge", "requests per second", "the slow host's share"],
        [
          ["round robin, equal weights", whole(median(equal.requestsPerSecond)), percent(equal.slowShare)],
          ["round robin, weights by load", whole(median(weighted.requestsPerSecond)), percent(weighted.slowShare)],
        ],
      ),
      table(
        ["without the edge", "requests per second"],
        [
          ["the fast host", whole(direct[0] ?? 0)],
          ["the slow host", whole(direct[1] ?? 0)],
        ],
      ),
      `wrk with 50 kept-alive connections, medians of ${ROUNDS} runs of ${SECONDS} s, after ${SETTLE_SECONDS} s of load for the weights to follow. The slow host's Apache gets 5 ms of each
100 ms of one processor. Test hosts share one kernel, so the pressure that its responder reads is the share of periods in which the scheduler throttled it, smoothed over ten
seconds as the kernel does; the fast host reads none.`,
      `Alone, the slow host does one ${whole((direct[0] ?? 0) / (direct[1] ?? 1))}th of the fast one's requests. A weight is never below 10 %, so its share cannot fall below 9.1 %, however slow it is: ${percent(off)} of all requests
off its capacity, which is within 10 points and not within a tenth of its capacity. One host four times slower than another is not what is measured here.`,
    ],
  };
}
