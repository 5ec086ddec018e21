import type { Source } from "../manifest/source.ts";

/** What a jail shall hold, as its resource was asked: the part that discovery needs, every value known. */
export interface DiscoverySpec {
  /** `apache2` or `apache2=2.4.62-1`; they need not be installed on the host. */
  readonly packages: readonly string[];
  /** Where they come from; default "host". */
  readonly source?: Source;
  /** `full`: the whole system that the build root is; default "minimal". */
  readonly content?: "minimal" | "full";
  /** Packages that are to be brought up to date where they are there already. */
  readonly renew?: readonly string[];
  /** The distribution's unit to derive from, with its suffix. */
  readonly unit?: string;
  /** Without a unit: absolute paths of the programs. */
  readonly programs?: readonly string[];
  /** Paths, globs or `package:NAME`; lifts the deny list for exactly these. */
  readonly include: readonly string[];
  /** Paths or globs; a directory stands for all below it. */
  readonly exclude: readonly string[];
  /** By path in the jail; laid into the build root before the trace. */
  readonly files: Readonly<Record<string, DeclaredFile>>;
  /** Script of the POSIX shell, run once in the build root before the trace. */
  readonly prepare?: string;
  /** More names for the made passwd. */
  readonly users: readonly string[];
  readonly discovery: DiscoveryMethod;
}

export interface DeclaredFile {
  readonly content: string;
  /** Octal, `0644`. */
  readonly mode: string;
  /** `root`, or `USER:GROUP`. */
  readonly owner: string;
}

export interface DiscoveryMethod {
  /** `trace` runs the unit; `static` follows ELF needs only; `none` takes `include` and `files` only. */
  readonly method: "trace" | "static" | "none";
  readonly probe?: Probe | readonly Probe[];
  /** Seconds for the traced start, probe, reload and stop together. */
  readonly deadlineSeconds: number;
  /** Repair rounds in the jail at most; 0 leaves the trial there out. Default 3. */
  readonly rounds?: number;
}

/** What to do with the traced daemon; default: connect to each tcp port it listens on, and GET / where it keeps silent. */
export interface Probe {
  readonly jailPort?: number;
  /** Default: `script` with a script, `exec` with a command, `http` with a path, else `tcp`. */
  readonly type?: "http" | "tcp" | "exec" | "script";
  /** Path of the URL. */
  readonly path?: string;
  /** `200` or `200-399`, of an answer of HTTP. Default: all below 400. */
  readonly expectStatus?: string;
  /** Runs in the build root, beside the daemon. */
  readonly command?: readonly string[];
  /** Runs on the host with the daemon's network, its tcp ports in JAIL_PORTS. */
  readonly script?: string;
}
