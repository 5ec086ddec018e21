import { startPort } from "../ports/allocation.ts";
import type { Endpoint } from "../ports/endpoint.ts";
import type { PortInputs } from "../ports/port-inputs.ts";

/**
 * What a change of the ports means on the host, by key: kept ports are those of the state, and for a new one the preview
 * can say no more than where probing starts; what is taken there only the host knows.
 */
export function notePorts(
  serviceName: string,
  endpoints: Readonly<Record<string, Endpoint>>,
  before: Readonly<Record<string, PortInputs>> | undefined,
  after: Readonly<Record<string, PortInputs>>,
): string {
  const keys = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after)])].sort();
  return keys
    .flatMap((key) => notePort(serviceName, key, endpoints[key]?.hostPort, before?.[key], after[key]))
    .join(", ");
}

function notePort(
  serviceName: string,
  key: string,
  hostPort: number | undefined,
  before: PortInputs | undefined,
  after: PortInputs | undefined,
): readonly string[] {
  if (!after) return hostPort ? [`${key} gives host port ${hostPort} back`] : [];
  if (after.socket !== undefined) return [];
  if (after.hostPort !== undefined)
    return hostPort === after.hostPort ? [] : [`${key} gets host port ${after.hostPort}`];
  const stays = before !== undefined && before.hostPort === undefined && before.protocol === after.protocol;
  if (stays && hostPort) return [`${key} keeps host port ${hostPort}`];
  return [`${key} gets host port ${startPort(serviceName, key)}, or the next that is free`];
}
