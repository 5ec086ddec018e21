/**
 * How the distribution's own unit was seen to start its daemon, with wrappers dissolved: the last execve of the main
 * process. It is data in the manifest, so that a service can be made on a host that never traced anything.
 */
export interface Launch {
  /** The distribution's unit, `apache2.service`; absent for bare `programs`. */
  readonly unit?: string;
  /** What our unit's `Type=` has to be for this argv. */
  readonly type: "exec" | "notify" | "forking" | "oneshot";
  readonly argv: readonly string[];
  /** The name that it was executed under, where that is not its path's: some programs go by it. */
  readonly argv0?: string;
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Names in the made passwd and group; the service's own uid carries this name in the jail. Root when the daemon changes its user itself. */
  readonly user: string;
  readonly group: string;
  /** Lines of the made passwd and group: the users that the unit and its configuration name, besides root. */
  readonly users: readonly LaunchUser[];
  /** What it listened on when probed: the default of health checks. */
  readonly listens: readonly Listen[];
  /** Directories that it wrote into, or that its unit declares; each needs a place of its own outside the immutable tree. */
  readonly writable: readonly WritableDirectory[];
  readonly limitNOFILE?: number;
  /** As the unit has it, `infinity` or `64M`. */
  readonly limitMEMLOCK?: string;
  /** Seconds; 0 is for ever. What recovers data needs them at a start after a crash. */
  readonly timeoutStartSeconds?: number;
  /** Seconds; 0 is for ever. */
  readonly timeoutStopSeconds?: number;
  /** false: it is never killed while it still writes. */
  readonly sendSIGKILL?: boolean;
  readonly oomScoreAdjust?: number;
  /** `SIGWINCH`; default SIGTERM. */
  readonly killSignal?: string;
  /** Signal that the unit's ExecReload= was seen to send to the main process. */
  readonly reloadSignal?: string;
  readonly successExitStatus?: string;
  /** It mapped memory both writable and executable (a JIT), so `MemoryDenyWriteExecute=` would kill it. */
  readonly writeExecuteMemory: boolean;
  /** Processes besides the main one may say that it is ready, as its own unit has it (`NotifyAccess=all`); absent when not. */
  readonly notifyAccess?: "all";
  /** It logs by syslog(3): it gets the journal's socket at /dev/log. Absent when not. */
  readonly syslog?: boolean;
  /** Sockets that systemd opens and hands to it (sd_listen_fds(3)), in the order of its unit; absent when it opens its own. */
  readonly sockets?: readonly LaunchSocket[];
  /** What of the sandbox is loosened, as the daemon was seen not to run in its jail otherwise; absent when nothing is. */
  readonly loosened?: readonly Loosening[];
}

/** A part of the sandbox that some daemons don't run in; what each means for the unit is in systemd/loosening.ts. */
export type Loosening = (typeof loosenings)[number];

/** All there are, the least dangerous first. */
export const loosenings = [
  "own-identity",
  "groups",
  "owners",
  "netlink",
  "resources",
  "proc",
  "write-execute",
] as const;

export interface LaunchUser {
  readonly name: string;
  readonly group: string;
  readonly home: string;
  /** Further groups that it is in: what the packages open to them, it may read. */
  readonly groups?: readonly string[];
}

export interface Listen {
  readonly protocol: "tcp" | "udp" | "unix";
  /** Set for tcp and udp. */
  readonly jailPort?: number;
  /** It listens there on 127.0.0.1 or ::1 only; absent for any other address. */
  readonly loopback?: boolean;
  /** Set for unix. */
  readonly path?: string;
}

/** One socket unit of the distribution (systemd.socket(5)); who may connect is not of it, as a jail decides that itself. */
export interface LaunchSocket {
  /** Its unit, `x.socket`. */
  readonly unit: string;
  /** Names of descriptors are what some daemons tell them apart by. */
  readonly fileDescriptorName: string;
  readonly listens: readonly SocketListen[];
  /** Directives that change what the daemon sees of it, such as `BindIPv6Only`. */
  readonly options: Readonly<Record<string, string>>;
}

export interface SocketListen {
  readonly type: "stream" | "datagram" | "sequential-packet";
  /** As the unit has it: `631`, `127.0.0.1:631`, `[::]:631`, `/run/x.sock`, `@name`. */
  readonly address: string;
}

export interface WritableDirectory {
  readonly path: string;
  /** runtime lives in a tmpfs (`/run`, `/tmp`); the others in a directory on the host. */
  readonly kind: "runtime" | "state" | "cache" | "logs";
  readonly mode: string;
}

/** The port of an address such as `631`, `0.0.0.0:631` or `[::]:631`; undefined for one that has none. */
export function portOf(address: string): number | undefined {
  const [, port] = /^(?:[^/@].*:)?(\d+)$/.exec(address) ?? [];
  return port === undefined ? undefined : Number(port);
}
