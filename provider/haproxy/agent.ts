import { allowed, allowedNumber, isAddress, isWord } from "./allowed.ts";
import { effectiveWeight, type Mapping, type Server } from "./mapping.ts";
import type { RunningServer } from "./running.ts";

/** Seconds between two questions to a responder: it takes 10 to 50 ms of a host each time. */
const AGENT_SECONDS = 2;

/** Where an edge asks hosts by SNMP (scripts/snmp.pl): a loopback address that nothing else is likely to have. */
export const SNMP_ADDRESS = "127.80.74.1";
/** Its port there. */
export const SNMP_PORT = 7161;

/** Whom the proxy asks, and what it sends. */
export interface Agent {
  /** Absent: the server's own. */
  readonly address?: string;
  readonly port: number;
  readonly send: string;
}

/**
 * The responder that the proxy asks for a server, if any (HAProxy configuration manual, agent-check). Not for the only
 * server: its drain would answer every client with 503, where its restart is waited for. Not in maintenance, which an
 * answer would end.
 */
export function agentOf(mapping: Mapping, server: Server): Agent | undefined {
  const others = mapping.servers.some((other) => other.name !== server.name && other.state === "ready");
  if (server.state === "maint" || !others) return undefined;
  if (server.agent === undefined)
    return mapping.weights === "snmp"
      ? { address: SNMP_ADDRESS, port: SNMP_PORT, send: `${mapping.name}:${server.address}` }
      : undefined;
  // Without a weight the answer is the state alone.
  const { port, send } = server.agent;
  return { port, send: mapping.weights ? send : `${send}:state` };
}

/** What the server line has of it; no newline is sent, as the runtime socket could not take one. */
export function renderAgent(mapping: Mapping, server: Server): string {
  const agent = agentOf(mapping, server);
  if (!agent) return "";
  const port = allowedNumber(agent.port, 1, 65535);
  const at = agent.address === undefined ? "" : ` agent-addr ${allowed(isAddress, agent.address)}`;
  return ` agent-check${at} agent-port ${port} agent-send ${allowed(isWord, agent.send)} agent-inter ${AGENT_SECONDS}s`;
}

/** Whether the proxy, as it runs, would ask the responder that is declared: only a reload gives a server another one. */
export function hasOtherAgent(mapping: Mapping, server: Server, running: RunningServer): boolean {
  const agent = agentOf(mapping, server);
  if (!agent) return false;
  if (running.agent?.port !== agent.port) return true;
  // An answer is a part of the weight that the server came with.
  return mapping.weights !== undefined && running.agent.initialWeight !== effectiveWeight(server);
}

/** Whether weight and drain are moved by the responder, and so are nobody's drift. */
export function isMovedByAgent(mapping: Mapping, server: Server, running: RunningServer) {
  const asked = running.agent?.asked === true && agentOf(mapping, server) !== undefined;
  return { drain: asked, weight: asked && mapping.weights !== undefined };
}

/**
 * Commands for a server that is there. Who is not to be asked any more gets its own weight back from the caller; who
 * did not answer once is asked again when other servers come.
 */
export function planAgent(
  mapping: Mapping,
  server: Server,
  running: RunningServer,
  at: string,
  arrives: boolean,
): readonly string[] {
  const agent = agentOf(mapping, server);
  if (!agent) return running.agent?.asked ? [`disable agent ${at}`] : [];
  return arrives && running.agent?.asked === false ? [askAgent(agent, server, at)] : [];
}

/** For a server that was added just now. */
export function startAgent(mapping: Mapping, server: Server, at: string): readonly string[] {
  const agent = agentOf(mapping, server);
  return agent ? [askAgent(agent, server, at)] : [];
}

/**
 * A line for lib-edge.sh, which makes it `enable agent` when the responder answers: a server that came by the runtime
 * API stays down until its agent has said `up`, so one whose responder is silent is better not asked.
 */
function askAgent({ address, port, send }: Agent, server: Server, at: string) {
  return `try agent ${allowed(isAddress, address ?? server.address)} ${allowedNumber(port, 1, 65535)} ${allowed(isWord, send)} ${at}`;
}
