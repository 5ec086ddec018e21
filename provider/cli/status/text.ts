import type { BackendStatus, HostStatus, MappingStatus, PortStatus, ServiceStatus, Status } from "./shape.ts";
import { type Cell, type Drawing, type Mood, painted, plain, renderTable } from "./table.ts";

/** A status on one screen. Pure. */
export function renderStatus(status: Status, drawing: Drawing): readonly string[] {
  const { hosts, problems } = status;
  const count = (of: (host: HostStatus) => number) => hosts.reduce((sum, host) => sum + of(host), 0);
  const counts = [
    counted(hosts.length, "host"),
    counted(
      count((host) => host.jails.length),
      "jail",
    ),
    counted(
      count((host) => host.services.length),
      "service",
    ),
    counted(
      count((host) => host.edge?.mappings.length ?? 0),
      "mapping",
    ),
  ].join(", ");
  const outcome =
    problems.length === 0
      ? painted("all is well", "good", drawing.colour)
      : painted(counted(problems.length, "problem"), "bad", drawing.colour);
  const mappings = hosts.flatMap((host) =>
    (host.edge?.mappings ?? []).flatMap((mapping) => mappingRows(host, mapping)),
  );
  return [
    `${plain(status.project)}/${plain(status.stack)}: ${counts}; ${outcome}`,
    "",
    ...renderTable([head(HOST_COLUMNS), ...hosts.flatMap(hostRows)], drawing),
    ...(mappings.length === 0 ? [] : ["", ...renderTable([head(MAPPING_COLUMNS), ...mappings], drawing)]),
    ...(problems.length === 0
      ? []
      : ["", ...problems.map((text) => `${painted("!", "bad", drawing.colour)} ${plain(text)}`)]),
  ];
}

const HOST_COLUMNS = ["HOST", "WEIGHT", "JAIL", "GENERATION", "SERVICE", "PORTS", "HEALTH", "UP FOR", "MEMORY"];
const MAPPING_COLUMNS = ["MAPPING", "EDGE", "URL", "BACKEND", "STATE", "WEIGHT", "SESSIONS", "REQUESTS"];
const RIGHT = new Set(["WEIGHT", "UP FOR", "MEMORY", "SESSIONS", "REQUESTS"]);

function head(names: readonly string[]): readonly Cell[] {
  return names.map((text) => ({ text, mood: "dim", right: RIGHT.has(text) }));
}

/** A row for each service, one for each jail that has none, and one for a host without either. */
function hostRows(host: HostStatus): readonly (readonly Cell[])[] {
  const first: readonly Cell[] = [{ text: host.name }, right(host.weight === undefined ? "-" : `${host.weight} %`)];
  // One line: what the state says of it is not what there is.
  if (!host.reachable && host.error !== undefined)
    return [
      [
        { text: host.name },
        right("-"),
        { text: "-" },
        { text: "-" },
        { text: "-" },
        { text: "-" },
        { text: "no answer", mood: "bad" },
      ],
    ];
  const idle = host.jails.filter(({ name }) => !host.services.some(({ jail }) => jail === name));
  const rows = [
    ...host.services.map(serviceCells),
    ...idle.map((jail): readonly Cell[] => [{ text: jail.name }, generationCell(jail)]),
  ];
  if (rows.length === 0) return [[...first, { text: "-" }]];
  return rows.map((row, index) => [...(index === 0 ? first : [{ text: "" }, { text: "" }]), ...row]);
}

function serviceCells(service: ServiceStatus): readonly Cell[] {
  const { jail, name, ports, upSeconds, memoryBytes } = service;
  return [
    { text: jail },
    generationCell(service),
    { text: name },
    { text: ports.map(portText).join(" ") || "-" },
    healthCell(service),
    right(upSeconds === undefined ? "-" : duration(upSeconds)),
    right(memoryBytes === undefined ? "-" : bytes(memoryBytes)),
  ];
}

function generationCell(one: { readonly generation: string; readonly declaredGeneration: string }): Cell {
  const isOther = one.generation !== one.declaredGeneration && one.declaredGeneration !== "";
  return { text: one.generation.slice(0, 12) || "none", ...(isOther && { mood: "odd" }) };
}

/** `http 20128>80`, `dns/udp 53`: the host's port, then the jail's where it is another. */
function portText({ key, protocol, hostPort, jailPort }: PortStatus): string {
  return `${key}${protocol === "tcp" ? "" : `/${protocol}`} ${hostPort}${hostPort === jailPort ? "" : `>${jailPort}`}`;
}

function healthCell({ health, active, draining }: ServiceStatus): Cell {
  if (health === "down") return { text: active === "active" ? "down" : active, mood: "bad" };
  if (draining) return { text: "draining", mood: "odd" };
  return health === "up" ? { text: "up", mood: "good" } : { text: active === "active" ? "runs" : "?", mood: "dim" };
}

/** The mapping's own row has its name, its backends follow without. */
function mappingRows(host: HostStatus, mapping: MappingStatus): readonly (readonly Cell[])[] {
  const { name, url, backends, engine, status, sessions, requests } = mapping;
  const first: readonly Cell[] = [{ text: name }, { text: host.name }, { text: url }];
  if (backends.length === 0)
    return [
      [...first, { text: "-" }, { text: status, mood: moodOf(status) }, right("-"), figure(sessions), figure(requests)],
    ];
  return backends.map((backend, index) => [
    ...(index === 0 ? first : [{ text: "" }, { text: "" }, { text: "" }]),
    { text: backend.name },
    { text: engine === "haproxy" ? backend.status : engine, mood: moodOf(backend.status) },
    weightCell(backend),
    figure(backend.sessions),
    figure(backend.requests),
  ]);
}

function weightCell({ weight, declaredWeight }: BackendStatus): Cell {
  if (weight === undefined) return right(`(${declaredWeight})`);
  return right(weight === declaredWeight ? `${weight}` : `${weight}/${declaredWeight}`);
}

function moodOf(status: string): Mood {
  if (/^(UP|OPEN|no check)/.test(status)) return "good";
  return /^(DOWN|missing)/.test(status) ? "bad" : status === "unknown" ? "dim" : "odd";
}

function right(text: string): Cell {
  return { text, right: true };
}

function figure(value: number | undefined): Cell {
  return right(value === undefined ? "-" : String(value));
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** `42 s`, `3 min`, `5 h 10 min`, `12 d 3 h`. */
export function duration(seconds: number): string {
  const [minutes, hours, days] = [60, 3600, 86400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  return minutes > 0 ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/** `612 kB`, `12.3 MB`, `1.4 GB`. */
export function bytes(count: number): string {
  const [unit, name] = count >= 1e9 ? [1e9, "GB"] : count >= 1e6 ? [1e6, "MB"] : [1e3, "kB"];
  const value = count / (unit as number);
  return `${value >= 100 || unit === 1e3 ? Math.round(value) : value.toFixed(1)} ${name}`;
}
