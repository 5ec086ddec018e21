import { randomBytes } from "node:crypto";
import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { openSlowProxy } from "../../test/hosts/slow-proxy.ts";
import { openStack } from "../../test/support/engine.ts";
import { type Forwarder, openForwarder } from "../engine/forwarder.ts";
import { countSessions, logSessions } from "../engine/sessions.ts";
import { seconds } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";

export const HOSTS = 10;
/** Each way, as to a far data centre: what a run waits for, beside what this one machine does for all hosts at once. */
export const LATENCY_MS = 50;
/** Bytes of a page that is declared in `files` of the first host's jails, whose wire is counted: random, so that nothing on the way makes it smaller. */
export const PAGE_BYTES = 300_000;

/** What went over the first host's wire. */
export interface Wire {
  readonly roundTrips: number;
  readonly sent: number;
  readonly received: number;
}

/** Hosts behind links that are slow and counted, and a program that puts so many first and second jails on them. */
export interface Fleet {
  readonly hosts: readonly TestHost[];
  /** Milliseconds of an `up` after which the first so many hosts have a first jail, and the first so many a second one. */
  up(first: number, second: number): Promise<number>;
  /** Counted so far. */
  wire(): Promise<Wire>;
  close(): Promise<void>;
}

/** Boots the hosts and opens the stack; nothing is on them yet. */
export async function openFleet(site: Site): Promise<Fleet> {
  const hosts: TestHost[] = [];
  for (let index = 1; index <= HOSTS; index += 1) hosts.push(await site.extraHost(`fleet${index}`));
  const far = { latencyMs: LATENCY_MS, bytesPerSecond: 1e9 };
  const counters = await Promise.all(hosts.map((host) => openForwarder(host.address)));
  const links = await Promise.all(counters.map(({ port }) => openSlowProxy("127.0.0.1", far, port)));
  const [one, counter] = [hosts[0] as TestHost, counters[0] as Forwarder];
  await logSessions(one);
  const entries = hosts.map(({ name, address, hostKey }, index) => {
    return [name, { connection: { host: "127.0.0.1", port: links[index]?.port, hostKey }, address }] as const;
  });
  const page = randomBytes(PAGE_BYTES / 2).toString("hex");
  const stack = await openStack({
    program: program(page),
    project: "parallel",
    config: { "pulumi-jail:hosts": Object.fromEntries(entries), first: 0, second: 0 },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: one.privateKeyPath },
  });
  return {
    hosts,
    up: async (first, second) => {
      const words = ["--config", `parallel:first=${first}`, "--config", `parallel:second=${second}`];
      const run = mustSucceed(await stack.up({ words }));
      progress(`${first} first jails, ${second} second ones: ${seconds(run.durationMs)}`);
      return run.durationMs;
    },
    wire: async () => {
      const { sent, received } = counter.traffic();
      return { roundTrips: await countSessions(one), sent, received };
    },
    close: async () => {
      for (const host of hosts) host.limitProcessor(undefined);
      await stack.destroy();
      stack.close();
      for (const link of links) link.close();
      await Promise.all(counters.map((each) => each.close()));
    },
  };
}

/** Jails of the same packages by two names, on the first so many hosts each. */
function program(page: string): string {
  return `import { Config } from "@pulumi/pulumi";
import { Host, Jail } from "pulumi-jail";
const config = new Config();
const files = { "/var/www/html/page.txt": { content: ${JSON.stringify(page)} } };
for (const name of ["first", "second"])
  for (let index = 1; index <= config.requireNumber(name); index += 1)
    new Jail(\`\${name}-\${index}\`, { connection: Host.fromConfig(\`fleet\${index}\`), jailName: name, packages: ["apache2"], unit: "apache2.service", ...(index === 1 && { files }) });
`;
}
