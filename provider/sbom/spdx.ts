import { createHash } from "node:crypto";
import { packageUrl } from "./purl.ts";
import { listedFiles, listedPackages, type Subject, subjectUuid } from "./subject.ts";

const document = "SPDXRef-DOCUMENT";
const jail = "SPDXRef-Jail";

/**
 * The jail as an SPDX 2.3 document in JSON; `sha1` by path, as SPDX demands one of each file (clause 8.4) and manifests
 * have none. It demands a time of creation, too: it is always the same one, so that the same generation is the same text
 * (as SOURCE_DATE_EPOCH is for builds).
 */
export function renderSpdx(subject: Subject, sha1: ReadonlyMap<string, string>): string {
  const { manifest, jailName, generation, toolVersion } = subject;
  const files = listedFiles(manifest).map((file, index) => ({ ...file, id: `SPDXRef-File-${index + 1}` }));
  const packages = listedPackages(manifest).map(([name, version], index) => ({
    ...{ name, version, id: `SPDXRef-Package-${index + 1}` },
  }));
  const owner = new Map(packages.map(({ name, id }) => [name, id]));
  const relationships = [
    relation(document, "DESCRIBES", jail),
    ...packages.map(({ id }) => relation(jail, "CONTAINS", id)),
    ...files.map(({ id }) => relation(jail, "CONTAINS", id)),
    // A package that is not analyzed as a whole may contain no file (clause 7.8): a jail has but some of each.
    ...files.flatMap((file) => {
      const from = owner.get(file.package ?? "");
      return from === undefined ? [] : [relation(file.id, "EXPANDED_FROM_ARCHIVE", from)];
    }),
  ];
  const text = {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: document,
    name: `${jailName}-${generation}`,
    documentNamespace: `urn:uuid:${subjectUuid(subject)}`,
    creationInfo: { created: "1970-01-01T00:00:00Z", creators: [`Tool: pulumi-jail-${toolVersion}`] },
    packages: [
      {
        ...unlicensed(jail, jailName, generation),
        filesAnalyzed: true,
        packageVerificationCode: { packageVerificationCodeValue: verificationCode(files, sha1) },
        licenseInfoFromFiles: ["NOASSERTION"],
        primaryPackagePurpose: "APPLICATION",
      },
      ...packages.map(({ id, name, version }) => ({
        ...unlicensed(id, name, version),
        ...sourceInfo(subject, name),
        externalRefs: [
          {
            referenceCategory: "PACKAGE-MANAGER",
            referenceType: "purl",
            referenceLocator: packageUrl(manifest, name, version),
          },
        ],
      })),
    ],
    files: files.map(({ id, path, sha256, reason }) => ({
      SPDXID: id,
      fileName: `.${path}`,
      checksums: [
        { algorithm: "SHA1", checksumValue: sha1Of(path, sha1) },
        ...(sha256 === undefined ? [] : [{ algorithm: "SHA256", checksumValue: sha256 }]),
      ],
      licenseConcluded: "NOASSERTION",
      licenseInfoInFiles: ["NOASSERTION"],
      copyrightText: "NOASSERTION",
      comment: reason,
    })),
    relationships,
  };
  return `${JSON.stringify(text, undefined, 2)}\n`;
}

/** Clause 7.9: SHA-1 over the sorted SHA-1 of all files. */
function verificationCode(files: readonly { readonly path: string }[], sha1: ReadonlyMap<string, string>): string {
  const sums = files.map(({ path }) => sha1Of(path, sha1)).sort();
  return createHash("sha1").update(sums.join("")).digest("hex");
}

function sha1Of(path: string, sha1: ReadonlyMap<string, string>): string {
  const sum = sha1.get(path);
  if (sum === undefined) throw new Error(`${path} is not in the tree`);
  return sum;
}

function unlicensed(id: string, name: string, version: string) {
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: "NOASSERTION",
    copyrightText: "NOASSERTION",
  };
}

function sourceInfo({ manifest }: Subject, name: string) {
  const origin = manifest.origins?.[name];
  return origin === undefined
    ? {}
    : { sourceInfo: `built from source package ${origin.source} ${origin.sourceVersion}` };
}

function relation(from: string, type: string, to: string) {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}
