import type { Run, Stack } from "../../test/support/engine.ts";
import { mustSucceed, type Site } from "../site.ts";
import { countSessions } from "./sessions.ts";

/** What a stack can be made to do, in the order of a stack's life. */
export const OPERATIONS = [
  "first up",
  "no-op preview",
  "no-op up",
  "preview --refresh",
  "page change",
  "destroy",
] as const;

export type Operation = (typeof OPERATIONS)[number];

/** One operation as one host saw it. */
export interface HostTraffic {
  readonly host: string;
  readonly connections: number;
  readonly roundTrips: number;
  readonly sent: number;
  readonly received: number;
}

/** One run of one operation. */
export interface Measurement {
  readonly operation: Operation;
  readonly milliseconds: number;
  readonly traffic: readonly HostTraffic[];
}

/** Runs one operation and counts what went over each host's wire meanwhile. */
export async function measure(site: Site, stack: Stack, operation: Operation): Promise<Measurement> {
  const before = await readCounters(site);
  const run = mustSucceed(await perform(stack, operation));
  checkIsWhatItSays(run, operation);
  const after = await readCounters(site);
  const traffic = after.map((now, index) => {
    const then = before[index] ?? now;
    return {
      host: now.host,
      connections: now.connections - then.connections,
      roundTrips: now.roundTrips - then.roundTrips,
      sent: now.sent - then.sent,
      received: now.received - then.received,
    };
  });
  return { operation, milliseconds: run.durationMs, traffic };
}

async function perform(stack: Stack, operation: Operation): Promise<Run> {
  switch (operation) {
    case "first up":
    case "no-op up":
      return stack.up();
    case "no-op preview":
      return stack.preview();
    case "preview --refresh":
      return stack.preview({ refresh: true });
    case "page change":
      stack.edit("index.ts", (text) => text.replace(/Hello[!]* from/, (words) => words.replace(" ", "! ")));
      return stack.up();
    case "destroy":
      return stack.destroy();
  }
}

/** A no-op that changes something, or a change that does nothing, would be a figure of something else. */
function checkIsWhatItSays(run: Run, operation: Operation): void {
  const changed = Object.keys(run.changes).filter((word) => !["same", "read", "refresh"].includes(word));
  const quiet = operation.startsWith("no-op") || operation === "preview --refresh";
  if (quiet === changed.length > 0)
    throw new Error(`${operation} was to be ${quiet ? "without" : "a"} change: ${JSON.stringify(run.changes)}`);
}

async function readCounters(site: Site): Promise<HostTraffic[]> {
  const counters = site.hosts.hosts.map(async (host) => {
    const { connections = 0, sent = 0, received = 0 } = site.forwarders.get(host.name)?.traffic() ?? {};
    return { host: host.name, connections, roundTrips: await countSessions(host), sent, received };
  });
  return Promise.all(counters);
}
