import type { TestHost } from "../../dev/hosts/index.ts";
import { type AuditedResponder, startAudited } from "../../test/support/audited-responder.ts";
import { openStack, type Stack } from "../../test/support/engine.ts";
import { countSessions } from "../engine/sessions.ts";
import { mustSucceed, type Site } from "../site.ts";

/** What a mapping is told besides its edge and its mode. */
export type Given = Readonly<Record<string, unknown>>;

/** Mappings on the example's edge from a program of their own, and responders as servers where a daemon is not the point. */
export interface MappedEdge {
  readonly edge: TestHost;
  /** Makes the mappings so; those that are not named go. */
  up(mappings: Readonly<Record<string, Given>>): Promise<Change>;
  /** So many more, on the web hosts in turn. */
  startResponders(count: number): Promise<readonly AuditedResponder[]>;
  close(): Promise<void>;
}

/** One `pulumi up`, and what the edge saw of it. */
export interface Change {
  readonly milliseconds: number;
  readonly roundTrips: number;
}

const PROGRAM = `import { Config } from "@pulumi/pulumi";
import { Host, PortMapping } from "pulumi-jail";
const connection = Host.fromConfig("edge");
for (const [name, given] of Object.entries(new Config().requireObject<Record<string, any>>("mappings")))
  new PortMapping(name, { connection, mode: "http", ...given });
`;

const FIRST_PORT = 16_000;

export async function openEdge(site: Site): Promise<MappedEdge> {
  const edge = site.hosts.host("edge");
  const connections = site.hosts.hosts.map(({ name, address, hostKey }) => {
    return [name, { connection: { host: address, hostKey } }] as const;
  });
  const stack: Stack = await openStack({
    program: PROGRAM,
    project: "mapped",
    config: { "pulumi-jail:hosts": Object.fromEntries(connections) },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: edge.privateKeyPath },
  });
  let started = 0;
  return {
    edge,
    up: async (mappings) => {
      stack.configure({ "pulumi-jail:hosts": Object.fromEntries(connections), mappings });
      const before = await countSessions(edge);
      const { durationMs } = mustSucceed(await stack.up());
      return { milliseconds: durationMs, roundTrips: (await countSessions(edge)) - before };
    },
    startResponders: async (count) => {
      const responders: AuditedResponder[] = [];
      for (; responders.length < count; started += 1) {
        const host = site.hosts.host(started % 2 === 0 ? "web1" : "web2");
        responders.push(await startAudited(host, `responder-${started}`, FIRST_PORT + started));
      }
      return responders;
    },
    close: async () => {
      await stack.destroy();
      stack.close();
    },
  };
}

/** A responder as a mapping takes it. */
export function backendOf({ name, address, hostPort }: AuditedResponder): Given {
  return { name, address, hostPort };
}
