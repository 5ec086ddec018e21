/** What a host says of itself (scripts/ask-status.sh). */
export interface Answer {
  readonly uptimeSeconds: number;
  readonly load: number | undefined;
  readonly processors: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly memoryAvailableBytes: number | undefined;
  /** Absent: the host has none. */
  readonly responder?: { readonly at: string; readonly answers: boolean; readonly weight: number | undefined };
  readonly jails: ReadonlyMap<string, { readonly generation: string; readonly kept: number }>;
  readonly services: ReadonlyMap<string, ServiceAnswer>;
  /** Absent: there is no unit of it. */
  readonly edge?: EdgeAnswer;
}

export interface ServiceAnswer {
  readonly unit: string;
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly restarts: number | undefined;
  readonly upSeconds: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly cpuSeconds: number | undefined;
  readonly tasks: number | undefined;
  readonly generation: string;
  readonly draining: boolean;
  readonly isKnown: boolean;
  /** Absent: there was no check to ask. */
  readonly health?: { readonly isUp: boolean; readonly reason: string };
  readonly ports: readonly {
    readonly key: string;
    readonly protocol: string;
    readonly hostPort: number;
    readonly jailPort: number;
  }[];
}

export interface EdgeAnswer {
  readonly active: string;
  readonly upSeconds: number | undefined;
  readonly version: string | undefined;
  readonly connections: number | undefined;
  /** Rows of `show stat` by `BACKEND/SERVER`, the whole one's as `BACKEND/BACKEND`; undefined when it does not answer. */
  readonly rows: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined;
}

/** Throws when it is none. */
export function parseAnswer(text: string): Answer {
  const lines = text.split("\n").flatMap((line) => (line === "" ? [] : [line.split("\t")]));
  const all = (word: string) => lines.filter(([first]) => first === word).map(([, ...rest]) => rest);
  const [host] = all("host");
  if (host === undefined) throw new Error("no line `host`");
  const [uptime = "", load, processors, total, available] = host;
  const [responder] = all("responder");
  const [edge] = all("edge");
  return {
    uptimeSeconds: Number(uptime),
    load: number(load),
    processors: number(processors),
    memoryBytes: times(number(total), 1024),
    memoryAvailableBytes: times(number(available), 1024),
    ...(responder && {
      responder: { at: responder[0] ?? "", answers: responder[1] === "answers", weight: number(responder[2]) },
    }),
    jails: new Map(all("jail").map(([name = "", generation = "", kept]) => [name, { generation, kept: Number(kept) }])),
    services: new Map(all("service").map((words) => [words[0] ?? "", parseService(words, all)])),
    ...(edge && { edge: parseEdge(Number(uptime), edge[0] ?? "", all("info")[0]?.[0], all("stat")[0]?.[0]) }),
  };
}

function parseService(words: readonly string[], all: (word: string) => readonly string[][]): ServiceAnswer {
  const [name, unit = "", active = "", sub = "", result = "", restarts, up, memory, cpu, tasks, generation = ""] =
    words;
  const [health] = all("health").filter(([of]) => of === name);
  return {
    ...{ unit, active: active || "inactive", sub, result, generation },
    restarts: number(restarts),
    upSeconds: number(up),
    memoryBytes: number(memory),
    cpuSeconds: times(number(cpu), 1e-9),
    tasks: number(tasks),
    draining: words[11] === "drain",
    isKnown: words[12] === "known",
    ...(health && { health: { isUp: health[1] === "up", reason: health[2] ?? "" } }),
    ports: all("port")
      .filter(([of]) => of === name)
      .map(([, key = "", protocol = "", hostPort, jailPort]) => ({
        ...{ key, protocol },
        ...{ hostPort: Number(hostPort), jailPort: Number(jailPort) },
      })),
  };
}

function parseEdge(uptime: number, shown: string, info = "-", stat = "-"): EdgeAnswer {
  const unit = new Map(decoded(shown).split("\n").map(pair("=")));
  const about = new Map(info === "-" ? [] : decoded(info).split("\n").map(pair(": ")));
  const since = Number(unit.get("ActiveEnterTimestampMonotonic") ?? 0) / 1e6;
  return {
    active: unit.get("ActiveState") ?? "",
    upSeconds: since > 0 ? Math.max(0, Math.round(uptime - since)) : undefined,
    version: about.get("Version"),
    connections: number(about.get("CurrConns")),
    rows: stat === "-" ? undefined : parseStat(decoded(stat)),
  };
}

/** `show stat` (HAProxy management guide, 9.1). */
function parseStat(text: string): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const [head = "", ...rows] = text.split("\n").filter((line) => line !== "");
  const columns = head.replace(/^# /, "").split(",");
  return new Map(
    rows.map((row) => {
      const cells = row.split(",");
      const is = Object.fromEntries(columns.map((column, index) => [column, cells[index] ?? ""]));
      return [`${is["pxname"]}/${is["svname"]}`, is];
    }),
  );
}

function pair(between: string) {
  return (line: string): readonly [string, string] => {
    const at = line.indexOf(between);
    return at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + between.length)];
  };
}

function decoded(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

/** A figure, or undefined for what is none. */
export function number(text: string | undefined): number | undefined {
  return text === undefined || text === "" || Number.isNaN(Number(text)) ? undefined : Number(text);
}

function times(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor;
}
