import type { Step } from "../host/step.ts";
import type { Seed } from "../manifest/manifest.ts";
import { contentSteps } from "./assemble.ts";
import type { Finding } from "./findings.ts";
import { seedName, seedStep } from "./seed.ts";

/** What it takes to make a generation what it was again. */
export type Repair =
  /** Nothing differs. */
  | "nothing"
  /** The store, the inputs or the host's own files have all bytes. */
  | "mend"
  /** Bytes are lost that only the packages have: a build root is needed, not a trace. */
  | "fetch"
  /** What is kept beside the tree is lost but for the manifest, from which the rest can be written. */
  | "rewrite"
  /** Tree or manifest are lost: it has to be made anew. */
  | "rebuild";

/** Judges findings; `contents` are the hashes of what the inputs hold. */
export function judgeRepair(findings: readonly Finding[], contents: ReadonlySet<string>): Repair {
  if (findings.length === 0) return "nothing";
  if (findings.some((finding) => finding.what === "gone")) return "rebuild";
  const lost = findings.filter((finding) => finding.what === "meta").map((finding) => finding.path);
  const seedLost = lost.includes(seedName);
  if (lost.some((name) => name !== "launch.json" && name !== "entries" && name !== seedName)) return "rebuild";
  if (lost.length > (seedLost ? 1 : 0)) return seedLost ? "rebuild" : "rewrite";
  return seedLost || findings.some((finding) => isLost(finding) && !contents.has(finding.was)) ? "fetch" : "mend";
}

/**
 * Mends a generation in place, file by file with an atomic rename, so that what runs in it is not disturbed and its digest
 * stays. `contents` are bytes from the inputs by sha256; only those that the host has lost are sent. `seeds` are needed
 * with a source when the seed is lost.
 */
export function mendSteps(
  base: string,
  digest: string,
  findings: readonly Finding[],
  contents: ReadonlyMap<string, string>,
  source?: string,
  seeds: readonly Seed[] = [],
): readonly Step[] {
  const lost = new Set(findings.filter(isLost).map((finding) => finding.was));
  const sent = new Map([...contents].filter(([hash]) => lost.has(hash)));
  const onHost = findings.some((finding) => finding.is === "host" && finding.what.startsWith("store-"));
  return [
    ...contentSteps(base, digest, sent),
    ...(source !== undefined && isSeedLost(findings) ? [seedStep(base, digest, source, seeds)] : []),
    {
      step: "generation-mend",
      args: [base, digest, source ?? (onHost ? "/" : "-")],
      describe: describeMending(findings, digest),
    },
  ];
}

/** Whether the seed has to be packed anew, which takes its manifest's list. */
export function isSeedLost(findings: readonly Finding[]): boolean {
  return findings.some(({ what, path }) => what === "meta" && path === seedName);
}

function isLost(finding: Finding): boolean {
  return finding.what.startsWith("store-") && finding.is === "nowhere";
}

function describeMending(findings: readonly Finding[], digest: string): string {
  const paths = [...new Set(findings.map((finding) => finding.path || "/"))];
  if (paths.length === 0) return `checking generation ${digest}`;
  return `mending ${paths.length <= 2 ? paths.join(" and ") : `${paths.length} paths`} of generation ${digest}`;
}
