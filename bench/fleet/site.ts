import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { openStack, type Run, type Stack, type UpdateOptions } from "../../test/support/engine.ts";
import { type Forwarder, openForwarder } from "../engine/forwarder.ts";
import { countSessions, logSessions } from "../engine/sessions.ts";
import { seconds } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";

/** What a run is told about the fleet. */
export interface Shape {
  readonly hosts: number;
  /** A change of every service, without a build. */
  readonly revision: number;
  /** One wave for all, or the default ones without a pause. */
  readonly waves: "one" | "default";
}

/** One run, and what the host with the most of it saw. */
export interface Measured {
  readonly milliseconds: number;
  readonly connections: number;
  readonly roundTrips: number;
  readonly bytes: number;
}

/** A fleet over many hosts behind the example's edge. */
export interface FleetSite {
  readonly stack: Stack;
  readonly url: string;
  measure(what: "up" | "preview --refresh", shape: Shape, options?: UpdateOptions): Promise<Measured>;
  close(): Promise<void>;
}

const PROGRAM = `import { Config } from "@pulumi/pulumi";
import { Host, JailedServiceFleet, PortMapping } from "pulumi-jail";
const config = new Config();
const hosts = Array.from({ length: config.requireNumber("hosts") }, (_, index) => Host.fromConfig(\`fleet\${index + 1}\`));
const waves = config.require("waves") === "one" ? { canary: 0, batch: "100%" } : {};
const web = new JailedServiceFleet("web", {
  hosts, packages: ["apache2"], unit: "apache2.service", manifestFile: "apache.lock.json", ports: { http: 80 },
  environment: { REVISION: config.require("revision") }, rollout: { ...waves, pauseSeconds: 0 },
});
new PortMapping("site", { connection: Host.fromConfig("edge"), bindPort: 80, mode: "http", backends: web.endpoints.http });
`;

/** Boots so many hosts besides those of the example; the ways to all of them are counted. */
export async function openFleet(site: Site, count: number): Promise<FleetSite> {
  const hosts: TestHost[] = [];
  for (let index = 1; index <= count; index += 1) hosts.push(await site.extraHost(`fleet${index}`));
  const edge = site.hosts.host("edge");
  const links = new Map<TestHost, Forwarder>();
  for (const host of [edge, ...hosts]) {
    if (host !== edge) await logSessions(host);
    links.set(host, await openForwarder(host.address));
  }
  const config = [...links].map(([{ name, address, hostKey }, { port }]) => {
    return [name, { connection: { host: "127.0.0.1", port, hostKey }, address }] as const;
  });
  const stack = await openStack({
    program: PROGRAM,
    project: "fleet",
    config: { "pulumi-jail:hosts": Object.fromEntries(config) },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: hosts[0]?.privateKeyPath ?? "" },
  });
  const counters = () =>
    Promise.all(
      [...links].map(async ([host, link]) => {
        const { connections, sent, received } = link.traffic();
        return { connections, bytes: sent + received, roundTrips: await countSessions(host), host };
      }),
    );
  return {
    stack,
    url: `http://${edge.address}/`,
    measure: async (what, shape, options = {}) => {
      const before = await counters();
      const run = await perform(stack, what, shape, options);
      const after = (await counters()).flatMap((now, index) => {
        const then = before[index];
        if (!then || now.host === edge) return [];
        const { connections, roundTrips, bytes } = now;
        return [
          {
            connections: connections - then.connections,
            roundTrips: roundTrips - then.roundTrips,
            bytes: bytes - then.bytes,
          },
        ];
      });
      const most = (field: "connections" | "roundTrips" | "bytes") => Math.max(...after.map((one) => one[field]));
      progress(`${what}, ${shape.hosts} hosts, ${shape.waves} waves: ${seconds(run.durationMs)}`);
      return {
        milliseconds: run.durationMs,
        connections: most("connections"),
        roundTrips: most("roundTrips"),
        bytes: most("bytes"),
      };
    },
    close: async () => {
      await stack.destroy();
      stack.close();
      for (const link of links.values()) await link.close();
    },
  };
}

async function perform(
  stack: Stack,
  what: "up" | "preview --refresh",
  { hosts, revision, waves }: Shape,
  options: UpdateOptions,
): Promise<Run> {
  const given = { hosts, revision, waves };
  const words = Object.entries(given).flatMap(([name, value]) => ["--config", `fleet:${name}=${value}`]);
  const all = { ...options, words };
  return mustSucceed(what === "up" ? await stack.up(all) : await stack.preview({ ...all, refresh: true }));
}
