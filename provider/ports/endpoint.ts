/** Where a jailed service is reached: all that an edge or another jail needs to know of it. */
export interface Endpoint {
  /** `NAME.key.address`, unique among the hosts of an edge; also a server's name in HAProxy. */
  readonly name: string;
  readonly protocol: "tcp" | "udp" | "unix";
  /** The host's address where others reach it; empty for a unix socket. */
  readonly address: string;
  /** The allocated or fixed port on the host; 0 for a unix socket. */
  readonly hostPort: number;
  /** The port inside of the jail; 0 for a unix socket. */
  readonly jailPort: number;
  /** On the host; its directory is what gets bound, so that it survives restarts. */
  readonly socketPath?: string;
  /** The host's agent-check responder; every host has one port reserved for it. */
  readonly responder: { readonly hostPort: number };
  /** The service's own check, so that no edge repeats it. */
  readonly healthCheck?: HealthCheck;
}

/** How to tell that a service is well; HAProxy's words, in seconds. */
export interface HealthCheck {
  /** A key of `ports`; default: each tcp port. */
  readonly port?: string;
  /** Default: "http" when `path` is given, "exec" when `command` is, else "tcp". */
  readonly type?: "http" | "tcp" | "exec";
  /** Path of the http request, default "/". */
  readonly path?: string;
  /** Program and arguments, run inside of the jail as the service's user; exit code 0 is healthy. */
  readonly command?: readonly string[];
  /** Statuses that count as healthy, `200` or `200-399`; default "200-399". */
  readonly expectStatus?: string;
  /** Seconds between two checks, default 2; the gate at a start asks oftener. */
  readonly interSeconds?: number;
  /** Checks in a row until it counts as up, default 2. */
  readonly rise?: number;
  /** Failed checks in a row until it counts as down, default 3. */
  readonly fall?: number;
  /** Seconds that a start may take until it is given up, default 60. */
  readonly deadlineSeconds?: number;
}
