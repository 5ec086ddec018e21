/** What `status --json` prints; docs/cli.md promises these names. Numbers are absent where the host says nothing. */
export interface Status {
  readonly schema: 1;
  readonly stack: string;
  readonly project: string;
  /** ISO 8601, of the one who asked. */
  readonly at: string;
  /** Sentences; empty when all is well. */
  readonly problems: readonly string[];
  readonly hosts: readonly HostStatus[];
}

export interface HostStatus {
  readonly name: string;
  readonly address: string;
  readonly reachable: boolean;
  /** Why not. */
  readonly error?: string;
  readonly uptimeSeconds?: number;
  /** Of the last minute (proc(5), loadavg), and how many processors share it. */
  readonly load?: number;
  readonly processors?: number;
  readonly memoryBytes?: number;
  readonly memoryAvailableBytes?: number;
  /** What its responder tells edges, in percent; absent without one that answers. */
  readonly weight?: number;
  readonly jails: readonly JailStatus[];
  readonly services: readonly ServiceStatus[];
  /** Of the mappings of this stack. */
  readonly edge?: EdgeStatus;
}

export interface JailStatus {
  readonly name: string;
  /** On the host; empty when there is none. */
  readonly generation: string;
  /** By the state. */
  readonly declaredGeneration: string;
  readonly keptGenerations?: number;
  readonly drift: readonly string[];
}

export interface ServiceStatus {
  readonly name: string;
  readonly jail: string;
  readonly unit: string;
  /** systemd's ActiveState and SubState; `unknown` where the host was not asked. */
  readonly active: string;
  readonly sub: string;
  readonly generation: string;
  readonly declaredGeneration: string;
  readonly health: Health;
  /** Why it is down. */
  readonly reason?: string;
  /** Edges are told to send nobody new. */
  readonly draining: boolean;
  readonly upSeconds?: number;
  readonly restarts?: number;
  readonly memoryBytes?: number;
  readonly cpuSeconds?: number;
  readonly tasks?: number;
  readonly ports: readonly PortStatus[];
  /** Services that it uses, by the names that it knows them by. */
  readonly connects: readonly ConnectStatus[];
  readonly drift: readonly string[];
}

/** By the service's own check, from its host; `unknown`: it has none that could be asked. */
export type Health = "up" | "down" | "unknown";

export interface PortStatus {
  readonly key: string;
  readonly protocol: string;
  readonly address: string;
  readonly hostPort: number;
  readonly jailPort: number;
}

export interface ConnectStatus {
  readonly name: string;
  /** `SERVICE.KEY.ADDRESS`. */
  readonly endpoint: string;
  readonly address: string;
  /** 0 for a unix socket. */
  readonly hostPort: number;
}

export interface EdgeStatus {
  /** systemd's ActiveState; `unknown` where the host was not asked. */
  readonly active: string;
  readonly version?: string;
  readonly upSeconds?: number;
  readonly connections?: number;
  readonly mappings: readonly MappingStatus[];
}

export interface MappingStatus {
  readonly name: string;
  readonly url: string;
  readonly bind: string;
  readonly mode: string;
  readonly engine: string;
  /** Of HAProxy: UP while a backend is; `unknown` where it was not asked or has none of this name. */
  readonly status: string;
  readonly sessions?: number;
  readonly requests?: number;
  /** Without an answer from a backend, after all retries. */
  readonly failed?: number;
  readonly backends: readonly BackendStatus[];
  readonly drift: readonly string[];
}

export interface BackendStatus {
  readonly name: string;
  readonly address: string;
  readonly hostPort: number;
  /** HAProxy's word: UP, DOWN, DRAIN, MAINT, `no check`; `unknown`: not asked; `missing`: it has none of this name. */
  readonly status: string;
  /** Why it is down, in HAProxy's words (`L4CON`, `L7STS`). */
  readonly check?: string;
  readonly declaredWeight: number;
  /** What it is now, by load and checks. */
  readonly weight?: number;
  readonly sessions?: number;
  readonly requests?: number;
}
