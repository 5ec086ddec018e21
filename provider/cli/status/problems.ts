import type { BackendStatus, HostStatus, MappingStatus, ServiceStatus } from "./shape.ts";

/** A sentence for all that is not well on a host that was asked. */
export function problemsOf(host: HostStatus): readonly string[] {
  if (!host.reachable) return [`${host.name} does not answer: ${host.error}`];
  const at = (what: string) => (text: string) => `${what} on ${host.name}: ${text}`;
  return [
    ...host.jails.flatMap((jail) => [...generation(jail), ...jail.drift].map(at(`jail ${jail.name}`))),
    ...host.services.flatMap((service) => ofService(service).map(at(`service ${service.name}`))),
    ...(host.edge
      ? [
          ...(host.edge.active === "active" || host.edge.active === "unknown"
            ? []
            : [`the edge's HAProxy on ${host.name}: its unit is ${host.edge.active}`]),
          ...host.edge.mappings.flatMap((mapping) => ofMapping(mapping).map(at(`mapping ${mapping.name}`))),
        ]
      : []),
  ];
}

function ofService(service: ServiceStatus): readonly string[] {
  const runs = service.active === "active" ? generation(service) : [];
  return [...(service.health === "down" ? [service.reason ?? "down"] : []), ...runs, ...service.drift];
}

function ofMapping({ backends, drift }: MappingStatus): readonly string[] {
  return [...backends.flatMap((backend) => (isWell(backend) ? [] : [ofBackend(backend)])), ...drift];
}

/** What was declared so, or is on its way to be used, is no problem. */
function isWell({ status }: BackendStatus): boolean {
  return /^(UP|no check|unknown|MAINT|DRAIN|NOLB)/.test(status);
}

function ofBackend({ name, status, check }: BackendStatus): string {
  if (status === "missing") return `backend ${name} is missing from the running proxy`;
  return `backend ${name} is ${status}${check === undefined ? "" : ` (${check})`}`;
}

function generation(one: { readonly generation: string; readonly declaredGeneration: string }): readonly string[] {
  const { generation: is, declaredGeneration: declared } = one;
  if (is === declared || declared === "") return [];
  return [is === "" ? `generation ${declared} is not there` : `generation ${is}, by the state ${declared}`];
}
