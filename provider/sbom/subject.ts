import { sha256 } from "../manifest/digest.ts";
import { compareText } from "../manifest/entries.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";

/** What an SBOM is of: one generation of one jail. */
export interface Subject {
  readonly jailName: string;
  readonly generation: string;
  readonly manifest: Manifest;
  /** Of this package. */
  readonly toolVersion: string;
}

/** A file of the jail with what an SBOM says of it. */
export interface ListedFile {
  readonly path: string;
  /** Absent for the library cache, which is made on the host from the libraries that are listed. */
  readonly sha256?: string;
  readonly package?: string;
  /** Why it is in; for a file that no package owns, who made it besides. */
  readonly reason: string;
}

/** Every regular file by path. */
export function listedFiles({ entries, packages }: Manifest): readonly ListedFile[] {
  return [...entries]
    .sort((a, b) => compareText(a.path, b.path))
    .flatMap((entry) => {
      if (entry.kind !== "file") return [];
      const owner = entry.package !== undefined && entry.package in packages ? entry.package : undefined;
      const reason = owner === undefined ? `${originOf(entry)}; ${entry.why.join(", ")}` : entry.why.join(", ");
      const { path, sha256: hash } = entry;
      return [
        { path, reason, ...(hash !== undefined && { sha256: hash }), ...(owner !== undefined && { package: owner }) },
      ];
    });
}

/** Name and version, by name. */
export function listedPackages({ packages }: Manifest): readonly (readonly [name: string, version: string])[] {
  return Object.entries(packages).sort(([a], [b]) => compareText(a, b));
}

/** A UUID that depends on the generation and the jail alone (RFC 9562, version 8), so that equal jails have equal SBOMs. */
export function subjectUuid({ jailName, generation }: Subject): string {
  const hex = sha256(`pulumi-jail sbom ${jailName} ${generation}`);
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ];
  return parts.join("-");
}

function originOf({ why }: Entry): string {
  if (why.includes("given in files")) return "owned by no package: given in files";
  if (why.some((reason) => /^(fixed list: made|made from|the service binds)/.test(reason)))
    return "owned by no package: made";
  return "owned by no package: made by maintainer scripts or on the host";
}
