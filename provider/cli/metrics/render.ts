import type { Status } from "../status/shape.ts";

/** A metric with its samples. */
interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly samples: readonly Sample[];
}

type Labels = Readonly<Record<string, string>>;
/** Undefined: it is not known, and so no sample at all. */
type Sample = readonly [Labels, number | boolean | undefined];

/** Prometheus' text format (prometheus.io, "Exposition formats"), as node_exporter's textfile collector takes it: without times. */
export function renderMetrics(status: Status): string {
  const metrics = metricsOf(status);
  return metrics.flatMap(renderMetric).join("");
}

function metricsOf({ hosts, stack, project }: Status): readonly Metric[] {
  const base = { project, stack };
  const answering = hosts.filter(({ reachable }) => reachable);
  const ofHosts = answering.map((host) => [{ ...base, host: host.name }, host] as const);
  const services = ofHosts.flatMap(([at, host]) =>
    host.services.map((service) => [{ ...at, service: service.name, jail: service.jail }, service] as const),
  );
  const jails = ofHosts.flatMap(([at, host]) => host.jails.map((jail) => [{ ...at, jail: jail.name }, jail] as const));
  const mappings = ofHosts.flatMap(([at, { edge }]) =>
    (edge?.mappings ?? []).map((mapping) => [{ ...at, mapping: mapping.name }, mapping] as const),
  );
  const backends = mappings.flatMap(([at, mapping]) =>
    mapping.backends.map((backend) => [{ ...at, backend: backend.name }, backend] as const),
  );
  return [
    gauge(
      "host_up",
      "Whether the host answered.",
      hosts.map((host) => [{ ...base, host: host.name }, host.reachable]),
    ),
    gauge(
      "host_weight",
      "What the host's responder tells edges, in percent.",
      each(ofHosts, ({ weight }) => weight),
    ),
    gauge(
      "jail_drift",
      "Artefacts of the jail that differ from what was declared.",
      each(jails, ({ drift }) => drift.length),
    ),
    gauge(
      "jail_info",
      "The jail's generation, as a label.",
      jails.map(([at, { generation }]) => [{ ...at, generation }, 1]),
    ),
    gauge(
      "jail_generations_kept",
      "Generations that the host keeps.",
      each(jails, (jail) => jail.keptGenerations),
    ),
    gauge(
      "service_up",
      "Whether the service's own check passes, or its unit is active where it has none.",
      each(services, ({ health, active }) => health === "up" || (health === "unknown" && active === "active")),
    ),
    gauge(
      "service_info",
      "The generation that serves and its unit, as labels.",
      services.map(([at, { generation, unit }]) => [{ ...at, generation, unit }, 1]),
    ),
    gauge(
      "service_draining",
      "Whether edges are told to send it nobody new.",
      each(services, ({ draining }) => draining),
    ),
    gauge(
      "service_drift",
      "Artefacts of the service that differ from what was declared.",
      each(services, ({ drift }) => drift.length),
    ),
    gauge(
      "service_uptime_seconds",
      "Since its unit became active.",
      each(services, ({ upSeconds }) => upSeconds),
    ),
    gauge(
      "service_memory_bytes",
      "Memory of its unit.",
      each(services, ({ memoryBytes }) => memoryBytes),
    ),
    gauge(
      "service_tasks",
      "Processes and threads of its unit.",
      each(services, ({ tasks }) => tasks),
    ),
    counter(
      "service_cpu_seconds_total",
      "Processor time of its unit since that became active.",
      each(services, ({ cpuSeconds }) => cpuSeconds),
    ),
    counter(
      "service_restarts_total",
      "Restarts of its unit by systemd.",
      each(services, ({ restarts }) => restarts),
    ),
    gauge(
      "service_port",
      "The host's port that leads to the service, by its key.",
      services.flatMap(([at, { ports }]) =>
        ports.map(({ key, protocol, hostPort }): Sample => [{ ...at, port: key, protocol }, hostPort]),
      ),
    ),
    gauge(
      "edge_up",
      "Whether the edge's HAProxy runs.",
      ofHosts.flatMap(([at, { edge }]) =>
        edge && edge.active !== "unknown" ? [[at, edge.active === "active"] as const] : [],
      ),
    ),
    gauge(
      "mapping_drift",
      "Artefacts of the mapping that differ from what was declared.",
      each(mappings, ({ drift }) => drift.length),
    ),
    gauge(
      "mapping_sessions",
      "Sessions of the mapping.",
      each(mappings, ({ sessions }) => sessions),
    ),
    gauge(
      "backend_up",
      "Whether HAProxy sends requests to the backend.",
      each(backends, ({ status }) => (status === "unknown" ? undefined : /^(UP|no check)/.test(status))),
    ),
    gauge(
      "backend_weight",
      "The backend's weight now.",
      each(backends, ({ weight }) => weight),
    ),
    gauge(
      "backend_sessions",
      "Sessions of the backend.",
      each(backends, ({ sessions }) => sessions),
    ),
  ];
}

function each<One>(some: readonly (readonly [Labels, One])[], value: (one: One) => Sample[1]): readonly Sample[] {
  return some.map(([labels, one]) => [labels, value(one)]);
}

function gauge(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `pulumi_jail_${name}`, type: "gauge", help, samples };
}

function counter(name: string, help: string, samples: readonly Sample[]): Metric {
  return { name: `pulumi_jail_${name}`, type: "counter", help, samples };
}

/** All of one metric in a row, as the format demands; nothing of one without samples. */
function renderMetric({ name, type, help, samples }: Metric): readonly string[] {
  const lines = samples.flatMap(([labels, value]) =>
    value === undefined ? [] : [`${name}{${renderLabels(labels)}} ${Number(value)}\n`],
  );
  return lines.length === 0 ? [] : [`# HELP ${name} ${help}\n`, `# TYPE ${name} ${type}\n`, ...lines];
}

function renderLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapedLabel(value)}"`)
    .join(",");
}

/** The format escapes these three and takes all else as it is. */
function escapedLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
