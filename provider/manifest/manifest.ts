import type { Launch } from "./launch.ts";
import type { Source } from "./source.ts";

/** Everything that one generation of a jail holds, and why. Kept on the host beside the tree; later the lock file. */
export interface Manifest {
  readonly schema: 1;
  /** Where the bytes came from. */
  readonly source: Source;
  /** Name to version, of the packages asked for and of every package that owns a file of the jail. */
  readonly packages: Readonly<Record<string, string>>;
  /** Sorted by path, so that equal trees render to equal bytes. */
  readonly entries: readonly Entry[];
  /** How the daemon was seen to start; the service's unit is derived from it. */
  readonly launch: Launch;
  /** Shells and interpreters in the tree, which run any text that they are given, and why; absent when there are none. */
  readonly interpreters?: readonly { readonly path: string; readonly why: string }[];
  /**
   * What the packages put into directories that the daemon writes, kept beside the tree and part of no digest: keys and
   * identities in it differ by host. Absent when there is nothing, and in manifests older than seeds.
   */
  readonly seeds?: readonly Seed[];
  /** The system that the packages are of. Like what follows for people and an SBOM, part of no digest. */
  readonly platform?: Platform;
  /** By package: what its name and version do not say. */
  readonly origins?: Readonly<Record<string, Origin>>;
  /** What the daemon touched and is kept out of the jail. */
  readonly denied?: readonly { readonly path: string; readonly why: string }[];
}

/** As os-release(5) and dpkg name it. */
export interface Platform {
  /** `debian`. */
  readonly distribution: string;
  /** `12`; empty for a suite without a release. */
  readonly release: string;
  /** `amd64`. */
  readonly architecture: string;
}

export interface Origin {
  /** The package's own: `amd64`, `all`. */
  readonly architecture: string;
  /** The source package, which is what security updates are announced for. */
  readonly source: string;
  readonly sourceVersion: string;
}

/** A directory of which a service gets a copy of its own when its data directory is made. */
export interface Seed {
  /** Absolute path in the jail. */
  readonly path: string;
  readonly files: number;
  /** Of those files; holes counted in full. */
  readonly bytes: number;
  /** The daemon changed files of it while traced: what is there is data, and no two instances may share it. */
  readonly changed?: boolean;
}

export type EntryKind = "file" | "directory" | "symlink" | "device";

export interface Entry {
  /** Absolute path in the jail. */
  readonly path: string;
  readonly kind: EntryKind;
  /** Four octal digits, without setuid and setgid bits: "0644". */
  readonly mode: string;
  /** By name, never by number: the same manifest holds on every host. */
  readonly owner: string;
  readonly group: string;
  /** sha256 in hex; files only. */
  readonly sha256?: string;
  /** Bytes; files only. */
  readonly size?: number;
  /** The bytes themselves, of files that are made and not copied: nsswitch.conf, empty places to bind over. */
  readonly content?: string;
  /** symlinks only. */
  readonly target?: string;
  /** `c 1:3`; devices only. */
  readonly device?: string;
  /** The owning package, as dpkg names it; absent for what the maintainer scripts or we made. */
  readonly package?: string;
  readonly version?: string;
  /** One or more sentences: `opened at start`, `needed by /usr/sbin/apache2`, `interpreter of ...`, `fixed list: ...`. */
  readonly why: readonly string[];
}
