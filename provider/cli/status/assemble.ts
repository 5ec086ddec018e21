import type { KnownJail, KnownMapping, KnownService, KnownStack } from "../stack.ts";
import { type Answer, type EdgeAnswer, number, type ServiceAnswer } from "./answer.ts";
import type { KnownHost } from "./known-host.ts";
import type { Looked } from "./look.ts";
import { problemsOf } from "./problems.ts";
import type {
  BackendStatus,
  EdgeStatus,
  HostStatus,
  JailStatus,
  MappingStatus,
  ServiceStatus,
  Status,
} from "./shape.ts";

/** State and answers put together. Pure. Without a look, as for `graph` from the state alone, nothing is known to be well. */
export function assembleStatus(
  { stack, project }: Pick<KnownStack, "stack" | "project">,
  hosts: readonly (readonly [KnownHost, Looked | undefined])[],
  at: Date,
): Status {
  const seen = hosts.map(([known, looked]) => ({ ...hostStatus(known, looked), asked: looked !== undefined }));
  const problems = seen.flatMap((host) => (host.asked ? problemsOf(host) : []));
  return {
    schema: 1,
    ...{ stack, project, at: at.toISOString(), problems },
    hosts: seen.map(({ asked: _, ...host }) => host),
  };
}

function hostStatus(known: KnownHost, looked: Looked | undefined): HostStatus {
  const { name, connection } = known;
  const answer = looked && "answer" in looked ? looked.answer : undefined;
  const drift = (one: { readonly urn: string; readonly properties: { readonly drift?: readonly string[] } }) =>
    (looked && "drift" in looked ? looked.drift.get(one.urn) : undefined) ?? one.properties.drift ?? [];
  return {
    name,
    address: connection.host,
    reachable: answer !== undefined,
    ...(looked && "error" in looked && { error: looked.error }),
    ...(answer && aboutHost(answer)),
    jails: known.jails.map((jail) => jailStatus(jail, answer, drift(jail))),
    services: known.services.map((service) => serviceStatus(service, answer, drift(service))),
    ...(known.mappings.length > 0 && {
      edge: edgeStatus(
        known.mappings.map((mapping) => [mapping, drift(mapping)] as const),
        answer,
      ),
    }),
  };
}

function aboutHost(answer: Answer): Partial<HostStatus> {
  const { uptimeSeconds, load, processors, memoryBytes, memoryAvailableBytes, responder } = answer;
  const weight = responder?.answers ? responder.weight : undefined;
  return defined({ uptimeSeconds, load, processors, memoryBytes, memoryAvailableBytes, weight });
}

function jailStatus({ properties }: KnownJail, answer: Answer | undefined, drift: readonly string[]): JailStatus {
  const found = answer?.jails.get(properties.jailName);
  const { generation: declaredGeneration = "" } = properties;
  return {
    name: properties.jailName,
    generation: answer ? (found?.generation ?? "") : declaredGeneration,
    declaredGeneration,
    ...(found && { keptGenerations: found.kept }),
    drift,
  };
}

function serviceStatus(
  { properties }: KnownService,
  answer: Answer | undefined,
  drift: readonly string[],
): ServiceStatus {
  const found = answer?.services.get(properties.serviceName);
  const { serviceName: name, jailName: jail, generation: declaredGeneration, endpoints, ports } = properties;
  return {
    ...{ name, jail, declaredGeneration, drift },
    unit: found?.unit || (properties.unitName ?? ""),
    active: answer ? (found?.active ?? "inactive") : "unknown",
    sub: found?.sub ?? "",
    generation: answer ? (found?.generation ?? "") : declaredGeneration,
    ...healthOf(answer, found),
    draining: found?.draining ?? false,
    ...(found &&
      defined({
        upSeconds: found.upSeconds,
        restarts: found.restarts,
        memoryBytes: found.memoryBytes,
        cpuSeconds: found.cpuSeconds,
        tasks: found.tasks,
      })),
    ports: Object.entries(ports).flatMap(([key, { jailPort = 0, protocol, socket }]) => {
      const endpoint = endpoints[key];
      if (socket !== undefined || endpoint === undefined) return [];
      // The host's registry says what is led there; the state, what was.
      const held = found?.ports.find((port) => port.key === key);
      const { hostPort } = held ?? endpoint;
      return [{ key, protocol: protocol ?? "tcp", address: endpoint.address, hostPort, jailPort }];
    }),
    connects: Object.entries(properties.connects ?? {}).map(([as, { endpoint }]) => ({
      ...{ name: as, endpoint: endpoint.name },
      ...{ address: endpoint.address, hostPort: endpoint.hostPort },
    })),
  };
}

function healthOf(
  answer: Answer | undefined,
  found: ServiceAnswer | undefined,
): Pick<ServiceStatus, "health" | "reason"> {
  if (!answer) return { health: "unknown" };
  if (!found?.isKnown) return { health: "down", reason: "it is not on the host" };
  if (found.active !== "active") {
    const result = found.result !== "" && found.result !== "success" ? ` (${found.result})` : "";
    return { health: "down", reason: `its unit is ${found.active}${result}` };
  }
  if (!found.health) return { health: "unknown" };
  return found.health.isUp ? { health: "up" } : { health: "down", reason: found.health.reason };
}

function edgeStatus(
  mappings: readonly (readonly [KnownMapping, readonly string[]])[],
  answer: Answer | undefined,
): EdgeStatus {
  const edge = answer?.edge;
  const usesProxy = mappings.some(([{ properties }]) => properties.engine === "haproxy");
  return {
    // Without a mapping of the proxy's there is nothing to run: the kernel forwards.
    active: answer === undefined || !usesProxy ? "unknown" : (edge?.active ?? "inactive"),
    ...(edge && defined({ version: edge.version, upSeconds: edge.upSeconds, connections: edge.connections })),
    mappings: mappings.map(([mapping, drift]) => mappingStatus(mapping, edge, drift)),
  };
}

function mappingStatus(
  { properties }: KnownMapping,
  edge: EdgeAnswer | undefined,
  drift: readonly string[],
): MappingStatus {
  const { mappingName: name, url, mode, engine, bindAddress, bindPort, backends } = properties;
  const asked = engine === "haproxy" ? edge?.rows : undefined;
  const row = asked?.get(`${name}/BACKEND`);
  return {
    ...{ name, url, mode, engine, drift },
    bind: `${bindAddress}:${bindPort}`,
    status: row?.["status"] || "unknown",
    ...(row && {
      ...defined({ sessions: number(row["scur"]), requests: number(row["req_tot"]) ?? number(row["stot"]) }),
      failed: Number(row["econ"] || 0) + Number(row["eresp"] || 0),
    }),
    backends: (Array.isArray(backends) ? backends : []).map((backend): BackendStatus => {
      const server = asked?.get(`${name}/${backend.name}`);
      const about = { name: backend.name, address: backend.address, hostPort: backend.hostPort };
      const declaredWeight = backend.state === "drain" ? 0 : backend.weight;
      if (!server) return { ...about, status: asked ? "missing" : "unknown", declaredWeight };
      const { status = "", check_status: check = "" } = server;
      return {
        ...{ ...about, status, declaredWeight },
        ...(/^DOWN/.test(status) && check !== "" && { check }),
        ...defined({
          weight: number(server["weight"]),
          sessions: number(server["scur"]),
          requests: number(server["req_tot"]) ?? number(server["stot"]),
        }),
      };
    }),
  };
}

/** Without what is not known. */
function defined<Values extends object>(values: Values): { [Key in keyof Values]: Exclude<Values[Key], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}
