import type { Plan, Step } from "../host/step.ts";
import { type Owner, renderOwner } from "../ownership/ownership.ts";
import { startPort } from "../ports/allocation.ts";
import type { Endpoint } from "../ports/endpoint.ts";
import type { PortInputs } from "../ports/port-inputs.ts";
import { parseRegistry } from "../ports/registry.ts";
import type { PortReservationInputs } from "./inputs.ts";
import type { ObservedReservation } from "./observed.ts";

/** Nothing when the registry says what is wanted already. */
export function planReservation(
  inputs: PortReservationInputs,
  observed: ObservedReservation,
  owner: Owner,
): readonly Step[] {
  return isReserved(inputs, observed, owner) ? [] : [reserve(inputs, observed, owner)];
}

/** The plan runs under the host's lock: the registry is one for all. */
export function reservationPlan(urn: string, steps: readonly Step[], deadlineSeconds: number): Plan {
  return { lock: "host", urn, deadlineSeconds, steps };
}

/** Gives the ports of this claim back. */
export function releaseStep(serviceName: string, claim: string): Step {
  return { step: "ports-release", args: [serviceName, claim], describe: `releasing the ports of ${serviceName}` };
}

/** Endpoints by the lines of the registry that the step printed, or that were observed. */
export function endpointsOf(inputs: PortReservationInputs, registry: string): Readonly<Record<string, Endpoint>> {
  const entries = parseRegistry(registry);
  const responder = { hostPort: entries.find((entry) => entry.serviceName === "@host")?.hostPort ?? 0 };
  const { serviceName, address } = inputs;
  return Object.fromEntries(
    Object.entries(inputs.ports).map(([key, port]): [string, Endpoint] => {
      const name = `${serviceName}.${key}.${address}`;
      if (port.socket !== undefined) return [key, socketEndpoint(serviceName, key, name, port.socket, responder)];
      const entry = entries.find((line) => line.serviceName === serviceName && line.key === key);
      if (!entry) throw new Error(`the registry has no port ${key} of ${serviceName}`);
      const at = { address: port.bindAddress ?? address, hostPort: entry.hostPort, jailPort: port.jailPort ?? 0 };
      return [key, { name, protocol: port.protocol ?? "tcp", ...at, responder }];
    }),
  );
}

function isReserved(inputs: PortReservationInputs, observed: ObservedReservation, owner: Owner): boolean {
  const wanted = numbered(inputs.ports);
  const mark = renderOwner(owner);
  const mine = observed.entries.filter(
    (entry) => entry.owner.state === "owned" && renderOwner(entry.owner.owner) === mark,
  );
  if (mine.length !== observed.entries.length || observed.responderPort === undefined) return false;
  if (mine.length !== wanted.length + 1 || !mine.some((entry) => entry.protocol === "net")) return false;
  return wanted.every(([key, port]) =>
    mine.some(
      (entry) =>
        entry.key === key &&
        entry.protocol === port.protocol &&
        entry.jailPort === port.jailPort &&
        (port.hostPort === undefined ? !entry.fixed : entry.hostPort === port.hostPort),
    ),
  );
}

function reserve(inputs: PortReservationInputs, observed: ObservedReservation, owner: Owner): Step {
  const { serviceName, ports } = inputs;
  const { found } = observed;
  const lines = numbered(ports).map(([key, port]) =>
    [key, port.protocol, startPort(serviceName, key), port.hostPort ?? 0, port.jailPort].join("\t"),
  );
  return {
    step: "ports-reserve",
    args: [serviceName, renderOwner(owner).trimEnd(), found.state === "owned" ? found.owner.claim : "-"],
    content: lines.map((line) => `${line}\n`).join(""),
    describe:
      lines.length === 0
        ? `reserving a network for ${serviceName}`
        : `reserving ${lines.length} port${lines.length === 1 ? "" : "s"} for ${serviceName}`,
  };
}

function numbered(ports: Readonly<Record<string, PortInputs>>): readonly (readonly [string, PortInputs])[] {
  return Object.entries(ports)
    .filter(([, port]) => port.socket === undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function socketEndpoint(
  serviceName: string,
  key: string,
  name: string,
  socket: string,
  responder: { readonly hostPort: number },
): Endpoint {
  const file = socket.slice(socket.lastIndexOf("/") + 1);
  const socketPath = `/var/lib/pulumi-jail/services/${serviceName}/scratch/socket-${key}/${file}`;
  return { name, protocol: "unix", address: "", hostPort: 0, jailPort: 0, socketPath, responder };
}
