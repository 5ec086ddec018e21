import type { Fragment } from "../haproxy/fragment.ts";
import type { Running } from "../haproxy/running.ts";
import type { ForwardMark } from "../nftables/forward.ts";

/** The edge as it is. */
export interface Edge {
  /** Of all fragments' and certificates' names and contents: what was rendered from them holds only while it is the same. */
  readonly guard: string;
  readonly fragments: readonly FoundFragment[];
  readonly configuration: FoundFile | undefined;
  readonly unitFile: FoundFile | undefined;
  /** Properties of `systemctl show`. */
  readonly unit: Readonly<Record<string, string>>;
  /** The line of passwd. */
  readonly user: string | undefined;
  /** Who listens on the mapping's bindPort besides the proxy. */
  readonly strangers: readonly Listener[];
  /** Undefined when it does not run, or does not answer for longer than a start or a reload takes. */
  readonly proxy: Running | undefined;
  /** Ports that the kernel of this host forwards, without the proxy. */
  readonly forwards: readonly ForwardMark[];
  /** Files beside the configuration, by name. */
  readonly certificates: ReadonlyMap<string, FoundCertificate>;
  /** Of each process of the proxy; empty when none runs. */
  readonly outOfJail: readonly string[];
}

export interface FoundFile {
  /** `644:root:root` */
  readonly mode: string;
  readonly text: string;
}

export interface FoundCertificate {
  /** `640:root:pulumi-jail-edge` */
  readonly mode: string;
  readonly sha256: string;
  /** SHA-1 of what the running proxy has under this name; undefined when it has none. */
  readonly served?: string;
}

export interface FoundFragment extends FoundFile {
  readonly name: string;
  /** Undefined: unreadable for this version. */
  readonly fragment: Fragment | undefined;
}

export interface Listener {
  readonly pid: number;
  readonly program: string;
  /** As ss(8) prints it: `0.0.0.0:80`, `*:80`. */
  readonly local: string;
}
