/** A host to boot. */
export interface HostSpec {
  /** Short name, also the host's own host name: letters, digits and dashes. */
  readonly name: string;
}

/** What a run is and owns, written to disk before any of it is made, so that a sweep can clear what a killed run left. */
export interface RunRecord {
  readonly run: string;
  /** Number of the run on this machine; bridge, table, subnet and machine names follow from it. */
  readonly slot: number;
  /** The hosts' network, such as `10.213.4.0/24`. */
  readonly subnet: string;
  /** The process that answers for the run; a run whose owner is gone is swept unless it is kept. */
  readonly owner: ProcessMark;
  /** True for runs that live on between commands, such as the demo's. */
  readonly keep: boolean;
  /** The machine's boot in which the run was made: after a reboot nothing but its files can be left. */
  readonly bootId: string;
  readonly hosts: readonly HostRecord[];
}

/** One host of a run, as registered. */
export interface HostRecord {
  readonly name: string;
  /** Name towards systemd-nspawn and the kernel: unique on the machine, short enough for `vb-NAME`. */
  readonly machine: string;
  readonly address: string;
}

/** A process named so that a reused pid is never mistaken for it. */
export interface ProcessMark {
  readonly pid: number;
  /** Field 22 of `/proc/PID/stat`, in clock ticks since boot (proc(5)). */
  readonly startTime: string;
}

/** What a command run on a host gave. */
export interface ExecResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a command is run on a host. */
export interface ExecOptions {
  /** Bytes for standard input; default none. */
  readonly input?: string | Buffer;
  /** False returns a failing command's result instead of throwing; default true. */
  readonly reject?: boolean;
  /** Milliseconds until the command is killed; default 120,000. */
  readonly timeout?: number;
}

/** What a host is doing. */
export type HostState = "running" | "booting" | "paused" | "partitioned" | "stopped";

/** A function that is told each long step, one line at a time. */
export type Progress = (line: string) => void;
