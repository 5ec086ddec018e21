import type {
  BackendStatus,
  ConnectStatus,
  HostStatus,
  MappingStatus,
  ServiceStatus,
  Status,
} from "../status/shape.ts";

/** What a picture shows: boxes of hosts with what is in them, and lines between those. */
export interface Graph {
  readonly title: string;
  readonly edges: readonly Box[];
  readonly hosts: readonly Box[];
  readonly lines: readonly Line[];
}

export interface Box {
  readonly id: string;
  readonly title: string;
  readonly mood: GraphMood;
  readonly nodes: readonly Node[];
}

export interface Node {
  readonly id: string;
  /** The first stands out. */
  readonly texts: readonly string[];
  readonly mood: GraphMood;
}

export interface Line {
  readonly from: string;
  readonly to: string;
  readonly kind: "backend" | "connects";
  /** The weight, or the name by which a service is known to the other. */
  readonly label: string;
  readonly mood: GraphMood;
}

export type GraphMood = "good" | "bad" | "odd" | "unknown";

/** The picture of a status; one without answers shows what the state says. Pure. */
export function graphOf({ hosts, stack, project }: Status): Graph {
  const services = hosts.flatMap((host) => host.services.map((service) => ({ host, service })));
  const ids = new Map(services.map(({ service }, index) => [service, `s${index}`] as const));
  const mappings = hosts.flatMap((host) => (host.edge?.mappings ?? []).map((mapping) => ({ host, mapping })));
  const mappingIds = new Map(mappings.map(({ mapping }, index) => [mapping, `m${index}`] as const));
  const others = new Map<string, string>();
  const other = (address: string) => {
    const id = others.get(address) ?? `x${others.size}`;
    others.set(address, id);
    return id;
  };
  const targetOf = (address: string, port: number, otherwise: string) => {
    const found = services.find(({ service }) =>
      service.ports.some((one) => one.address === address && one.hostPort === port),
    );
    return found ? ids.get(found.service)! : other(otherwise);
  };
  const backendLines = mappings.flatMap(({ mapping }) =>
    mapping.backends.map(
      (backend): Line => ({
        from: mappingIds.get(mapping)!,
        to: targetOf(backend.address, backend.hostPort, `${backend.address}:${backend.hostPort}`),
        kind: "backend",
        label: weightOf(backend),
        mood: moodOfBackend(backend),
      }),
    ),
  );
  const connectLines = services.flatMap(({ host, service }) =>
    service.connects.map((connect): Line => {
      const inside = connect.hostPort === 0 ? socketOf(host, connect) : undefined;
      const to = inside ? ids.get(inside)! : targetOf(connect.address, connect.hostPort, connect.endpoint);
      return { from: ids.get(service)!, to, kind: "connects", label: connect.name, mood: "unknown" };
    }),
  );
  const outside = [...others].map(([address, id]): Node => ({ id, texts: [address], mood: "unknown" }));
  return {
    title: `${project}/${stack}`,
    edges: hosts.flatMap((host, index): Box[] => {
      const { edge } = host;
      if (!edge || edge.mappings.length === 0) return [];
      const nodes = edge.mappings.map((mapping) => mappingNode(mappingIds.get(mapping)!, mapping));
      return [{ id: `e${index}`, title: `edge ${host.name}`, mood: moodOfHost(host), nodes }];
    }),
    hosts: [
      ...hosts.flatMap((host, index): Box[] => {
        const nodes = host.services.map((service) => serviceNode(ids.get(service)!, service));
        return nodes.length === 0 ? [] : [{ id: `h${index}`, title: titleOf(host), mood: moodOfHost(host), nodes }];
      }),
      ...(outside.length > 0 ? [{ id: "other", title: "elsewhere", mood: "unknown", nodes: outside } as const] : []),
    ],
    lines: [...backendLines, ...connectLines],
  };
}

function titleOf({ name, address, weight }: HostStatus): string {
  return [name, ...(address === name ? [] : [address]), ...(weight === undefined ? [] : [`${weight} %`])].join(" · ");
}

function mappingNode(id: string, { name, url, backends }: MappingStatus): Node {
  const moods = new Set(backends.map(moodOfBackend));
  const [only = "unknown"] = moods;
  return { id, texts: [name, url], mood: moods.size > 1 ? "odd" : only };
}

function serviceNode(id: string, service: ServiceStatus): Node {
  const { name, jail, generation, ports, health, draining } = service;
  const led = ports.map(({ key, hostPort }) => `${key} ${hostPort}`).join(", ");
  const mood = draining ? "odd" : health === "up" ? "good" : health === "down" ? "bad" : "unknown";
  return { id, texts: [name, [`${jail} ${generation.slice(0, 8)}`, led].filter(Boolean).join(" · ")], mood };
}

function moodOfHost({ reachable, error }: HostStatus): GraphMood {
  return reachable ? "good" : error === undefined ? "unknown" : "bad";
}

function moodOfBackend({ status }: BackendStatus): GraphMood {
  if (status === "unknown") return "unknown";
  if (/^(UP|no check)/.test(status)) return "good";
  return /^(DOWN|missing)/.test(status) ? "bad" : "odd";
}

function weightOf({ weight, declaredWeight }: BackendStatus): string {
  return String(weight ?? declaredWeight);
}

/** A socket is on the same host and has no port to be known by. */
function socketOf(host: HostStatus, { endpoint }: ConnectStatus): ServiceStatus | undefined {
  return host.services.find(({ name }) => name === endpoint.split(".")[0]);
}
