import type { Machine } from "../host/questions/machine.ts";
import type { Launch } from "../manifest/launch.ts";
import type { Seed } from "../manifest/manifest.ts";
import type { Found } from "../ownership/ownership.ts";
import type { Slot } from "../ports/network.ts";
import type { RegistryEntry } from "../ports/registry.ts";
import type { Proof } from "./proof.ts";

/** All there is of a service on its host. */
export interface Observed {
  readonly machine: Machine;
  readonly found: Found;
  /** The mark's own text, for the check under the lock. */
  readonly mark: string | undefined;
  /** What the rules' file says serves; undefined when there is none or it is not as we write it. */
  readonly serving: { readonly slot: Slot; readonly generation: string } | undefined;
  readonly fragment: string | undefined;
  readonly launch: Launch | undefined;
  /** Of the same generation; none in one that is older than seeds. */
  readonly seeds: readonly Seed[];
  /** Device and inode of the generation's tree; undefined when it is not there. */
  readonly tree: string | undefined;
  /** Type by path, of the asked paths that the tree has: `regular-file`, `directory`. */
  readonly treePaths: ReadonlyMap<string, string>;
  readonly user: { readonly uid: number; readonly gid: number; readonly gecos: string } | undefined;
  readonly nameservers: readonly string[];
  /** Programs that a service needs and the host lacks. */
  readonly missing: readonly string[];
  readonly registry: readonly RegistryEntry[];
  readonly files: ReadonlyMap<string, ObservedFile>;
  readonly slots: Readonly<Record<Slot, ObservedSlot>>;
  readonly rulesUnit: UnitState;
  /** Units that come back after a reboot. */
  readonly enabled: ReadonlySet<string>;
  /** Undefined when the kernel has no table of ours. */
  readonly table: { readonly sha256: string; readonly elements: ReadonlySet<string> } | undefined;
  /** What the table was when it was loaded last. */
  readonly loadedTable: string | undefined;
  /** uid by path. */
  readonly directories: ReadonlyMap<string, number>;
  /** Undefined until it has been probed in this boot. */
  readonly notEnforced: readonly string[] | undefined;
  readonly forwarding: ReadonlySet<string>;
  readonly responder: ObservedResponder;
  /** Programs that listen on a port which the map leads to the jail: nobody reaches them there. */
  readonly strangers: readonly { readonly port: string; readonly program: string }[];
}

/** The host's responder, shared by all services. */
export interface ObservedResponder {
  /** `ADDRESS:PORT` where systemd listens for it. */
  readonly listens: ReadonlySet<string>;
  /** Sockets that come back after a reboot. */
  readonly enabled: ReadonlySet<string>;
  /** What it publishes is what the registry says. */
  readonly isPublished: boolean;
  /** Services that edges are told to drain. */
  readonly drains: ReadonlySet<string>;
  readonly dropIns: readonly string[];
}

/** A file on the host. */
export interface ObservedFile {
  readonly sha256: string;
  readonly mode: string;
  readonly uid: number;
}

/** One slot as it is on the host. */
export interface ObservedSlot {
  readonly digest: string | undefined;
  /** Of the units as we wrote them last. */
  readonly written: string | undefined;
  /** Invocation that our own start made. */
  readonly started: string | undefined;
  readonly generation: string | undefined;
  readonly unit: UnitState;
  readonly networkUnit: UnitState;
  /** Those that systemd has loaded. */
  readonly socketUnits: readonly UnitState[];
  readonly dropIns: readonly string[];
  readonly network: Readonly<Record<string, string>>;
  readonly proof: Proof | undefined;
  readonly exposure: number | undefined;
}

/** What systemd says of a unit, by property. */
export type UnitState = Readonly<Record<string, string>>;
