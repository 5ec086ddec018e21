import { hasOtherAgent, isMovedByAgent, planAgent, startAgent } from "./agent.ts";
import { allowed, allowedNumber, isAddress, isWord } from "./allowed.ts";
import { effectiveWeight, isWatched, type Mapping, type Server } from "./mapping.ts";
import type { RunningServer } from "./running.ts";
import { renderServerArgs } from "./server-line.ts";

/** What the runtime socket has to be told so that a backend's servers are as declared. */
export interface RuntimeChange {
  /** Adds and adjusts the servers that stay. */
  readonly admit: readonly string[];
  /** Names of the servers that are new, to be waited for before another one goes. */
  readonly arriving: readonly string[];
  /** Names of the servers that go: first drained, then retired. */
  readonly leaving: readonly string[];
  readonly retire: readonly string[];
  /** Servers that the runtime API cannot make as declared: only a reload does. */
  readonly stuck: readonly string[];
}

/** Commands of the runtime API (HAProxy management guide, 9.3); none when the running proxy is as declared. */
export function planRuntime(mapping: Mapping, running: ReadonlyMap<string, RunningServer>): RuntimeChange {
  const declared = new Set(mapping.servers.map((server) => server.name));
  const leaving = [...running.keys()].filter((name) => !declared.has(name) && !isWatched(mapping, name)).sort();
  const arriving = mapping.servers.filter((server) => !running.has(server.name));
  return {
    admit: [
      ...mapping.servers.flatMap((server) => {
        const there = running.get(server.name);
        return there ? adjustServer(mapping, server, there, arriving.length > 0) : addServer(mapping, server);
      }),
      // `add server` leaves the new one without the cookie that others got at the start (seen with HAProxy 2.6).
      ...(mapping.affinity === "cookie" && arriving.length > 0
        ? [`enable dynamic-cookie backend ${allowed(isWord, mapping.name)}`]
        : []),
    ],
    arriving: arriving.filter((server) => server.state === "ready").map((server) => server.name),
    leaving,
    retire: leaving.flatMap((name) => retireServer(mapping, name)),
    stuck: mapping.servers.flatMap((server) => {
      const there = running.get(server.name);
      return there && hasOtherAgent(mapping, server, there) ? [server.name] : [];
    }),
  };
}

/** A server comes in maintenance and without checks; it is asked for its health from the first moment it is used. */
function addServer(mapping: Mapping, server: Server): readonly string[] {
  const at = serverPath(mapping, server.name);
  const [, ...args] = renderServerArgs(mapping, server).split(" ");
  return [
    `add server ${at} ${args.join(" ")}`,
    `enable health ${at}`,
    ...(server.state === "maint" ? [] : [`set server ${at} state ready`]),
    ...startAgent(mapping, server, at),
  ];
}

function adjustServer(mapping: Mapping, server: Server, there: RunningServer, arrives: boolean): readonly string[] {
  const at = serverPath(mapping, server.name);
  const moved = isMovedByAgent(mapping, server, there);
  // First of all: an answer that comes in between would undo what follows.
  const commands: string[] = [...planAgent(mapping, server, there, at, arrives || there.admin === "maint")];
  if (there.address !== server.address || there.port !== server.port)
    commands.push(
      `set server ${at} addr ${allowed(isAddress, server.address)} port ${allowedNumber(server.port, 1, 65535)}`,
    );
  if (there.weight !== effectiveWeight(server) && !moved.weight)
    commands.push(`set server ${at} weight ${allowedNumber(effectiveWeight(server), 0, 256)}`);
  const admin = server.state === "maint" ? "maint" : "ready";
  if (there.admin !== admin && !(moved.drain && there.admin === "drain"))
    commands.push(`set server ${at} state ${admin}`);
  return commands;
}

/** A server is deleted in maintenance and without connections only; by then it has been drained. */
function retireServer(mapping: Mapping, name: string): readonly string[] {
  const at = serverPath(mapping, name);
  return [`set server ${at} state maint`, `shutdown sessions server ${at}`, `del server ${at}`];
}

function serverPath(mapping: Mapping, name: string): string {
  return `${allowed(isWord, mapping.name)}/${allowed(isWord, name)}`;
}
