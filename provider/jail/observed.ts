import type { Finding } from "../generation/findings.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { JailRecord } from "./record.ts";

/** A jail as its host shows it. */
export interface ObservedJail {
  readonly directory: "absent" | "empty" | "full";
  /** The mark's text; undefined when there is none. */
  readonly ownerText?: string;
  readonly recordText?: string;
  readonly record?: JailRecord;
  /** Complete generations, the newest first. */
  readonly kept: readonly string[];
  /** By digest, who uses it: `service web`, or the name of a unit that names the tree. */
  readonly used: ReadonlyMap<string, readonly string[]>;
  /** What runs that were cut left behind: unfinished generations, a build root. */
  readonly leftovers: readonly string[];
  /** Packages of which the host has another version than when the current generation was built. */
  readonly stale: readonly StalePackage[];
  /** What differs in the record's generation. */
  readonly findings: readonly Finding[];
  /** Of the generation built last; only there when nothing but `files` changed since. */
  readonly manifest?: Manifest;
  /** Another jail of this host, sound and not stale, that was built from the same inputs; `tree` is its generation. */
  readonly sibling?: { readonly tree: string; readonly manifest: Manifest };
}

export interface StalePackage {
  readonly name: string;
  /** Files of the jail that are the package's. */
  readonly files: number;
  readonly was: string;
  readonly is: string;
}
