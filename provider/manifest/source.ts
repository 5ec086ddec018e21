import { sha256 } from "./digest.ts";

/** Where a jail's packages come from: the host's own apt sources, or a suite that is bootstrapped on the host. */
export type Source = "host" | SuiteSource;

export interface SuiteSource {
  /** `sid`, `trixie`. */
  readonly suite: string;
  /** Address of its mirror, perhaps with `{snapshot}`; default: the one that the host's own apt uses. */
  readonly mirror?: string;
  /** An archive that changes no more: its address, or what takes the place of `{snapshot}`. */
  readonly snapshot?: string;
}

/** The suite that is of the host's own release: what a whole system is taken from, as the host itself is none that is bare. */
export const HOST_SUITE = "host";

/** Where the build root comes from: for a whole system it is always a bare one. */
export function bareSource(source: Source, content: "minimal" | "full"): Source {
  return content === "full" && source === "host" ? { suite: HOST_SUITE } : source;
}

/** Names the tree of a suite on every host: equal sources of a host's jails share one. */
export function suiteKey({ suite, mirror, snapshot }: SuiteSource): string {
  return `${suite}-${sha256(JSON.stringify([suite, mirror ?? "", snapshot ?? ""])).slice(0, 12)}`;
}

/** The key of a source's suite; undefined for the host's own. */
export function suiteKeyOf(source: Source): string | undefined {
  return source === "host" ? undefined : suiteKey(source);
}
