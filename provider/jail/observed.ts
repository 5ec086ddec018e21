import type { Finding } from "../generation/findings.ts";
import type { StalePackage } from "../generation/stale.ts";
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
  /** Packages of which apt would install a newer version by now than the current generation has. */
  readonly stale: readonly StalePackage[];
  /** The key of a suite whose mirror did not answer: then `stale` is by what was known before. */
  readonly unrefreshed?: string;
  /** What differs in the record's generation. */
  readonly findings: readonly Finding[];
  /** Of the generation built last; only there when nothing but `files` changed since. */
  readonly manifest?: Manifest;
  /** Another jail of this host, sound and not stale, that was built from the same inputs; `tree` is its generation. */
  readonly sibling?: { readonly tree: string; readonly manifest: Manifest };
}
