import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { sha256 } from "../../../provider/manifest/digest.ts";
import type { Manifest } from "../../../provider/manifest/manifest.ts";
import { renderCycloneDx } from "../../../provider/sbom/cyclonedx.ts";
import { packageUrl } from "../../../provider/sbom/purl.ts";
import { renderSpdx } from "../../../provider/sbom/spdx.ts";
import { apacheTree } from "../../support/apache-jail.ts";

const origins = {
  apache2: { architecture: "amd64", source: "apache2", sourceVersion: "2.4.62-1" },
  libc6: { architecture: "amd64", source: "glibc", sourceVersion: "2.36" },
};
const platform = { distribution: "debian", release: "12", architecture: "amd64" };
const page = { "/var/www/html/page.html": { content: "x", mode: "0644", owner: "root" } };
const manifest: Manifest = { ...apacheTree(page), origins, platform };
const subject = { jailName: "web", generation: "0123456789abcdef", manifest, toolVersion: "0.1.0" };
const files = manifest.entries.filter(({ kind }) => kind === "file");
const sha1 = new Map(files.map(({ path }) => [path, sha256(path).slice(0, 40)]));

describe("a package's URL", () => {
  test("has architecture and release, and an epoch's colon as it is", () => {
    expect(packageUrl(manifest, "libc6", "2.36")).toBe("pkg:deb/debian/libc6@2.36?arch=amd64&distro=debian-12");
    expect(packageUrl(manifest, "zlib1g", "1:1.2+dfsg~1")).toBe(
      "pkg:deb/debian/zlib1g@1:1.2%2Bdfsg~1?distro=debian-12",
    );
    expect(packageUrl({ ...manifest, platform: undefined }, "libc6", "2.36")).toBe(
      "pkg:deb/debian/libc6@2.36?arch=amd64",
    );
  });
});

describe("an SBOM in CycloneDX", () => {
  const { components } = JSON.parse(renderCycloneDx(subject)) as { components: Component[] };

  test("lists every file once, below its package or with the reason why it has none", () => {
    const owned = components.flatMap((component) => component.components ?? []);
    const unowned = components.filter(({ type }) => type === "file");
    expect([...owned, ...unowned].map(({ name }) => name).sort()).toEqual(files.map(({ path }) => path).sort());
    const reasons = Object.fromEntries(unowned.map(({ name, properties }) => [name, properties?.[0]?.value]));
    expect(reasons["/var/www/html/page.html"]).toMatch(/^given in files|^owned by no package: given in files/);
    expect(reasons["/etc/nsswitch.conf"]).toMatch(/^owned by no package: made; fixed list/);
    expect(reasons["/etc/ld.so.cache"]).toMatch(/^owned by no package: made; made from/);
  });

  test("is the same text for the same generation, and another for another jail", () => {
    const shuffled = { ...manifest, entries: [...manifest.entries].reverse() };
    expect(renderCycloneDx({ ...subject, manifest: shuffled })).toBe(renderCycloneDx(subject));
    expect(renderCycloneDx({ ...subject, jailName: "other" })).not.toBe(renderCycloneDx(subject));
  });
});

describe("an SBOM in SPDX", () => {
  const text = renderSpdx(subject, sha1);
  const document = JSON.parse(text) as v.InferOutput<typeof spdx>;

  test("has the fields that SPDX 2.3 demands and no others", () => {
    expect(v.safeParse(spdx, document).issues).toBeUndefined();
    expect(v.safeParse(spdx, { ...document, spdxVersion: "SPDX-9" }).success).toBe(false);
  });

  test("refers to nothing that is not in it, and names every file with its package", () => {
    const ids = [...document.packages, ...document.files].map(({ SPDXID }) => SPDXID);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { spdxElementId, relatedSpdxElement } of document.relationships)
      for (const id of [spdxElementId, relatedSpdxElement]) expect([...ids, "SPDXRef-DOCUMENT"]).toContain(id);
    const unpacked = document.relationships.filter((one) => one.relationshipType === "EXPANDED_FROM_ARCHIVE");
    expect(unpacked).toHaveLength(files.filter((file) => file.package !== undefined).length);
    expect(document.files).toHaveLength(files.length);
  });

  test("is the same text for the same generation", () => {
    expect(renderSpdx(subject, sha1)).toBe(text);
  });

  test("is refused when a file of the tree is not there to be hashed", () => {
    expect(() => renderSpdx(subject, new Map())).toThrow("is not in the tree");
  });
});

interface Component {
  readonly type: string;
  readonly name: string;
  readonly properties?: readonly { readonly value: string }[];
  readonly components?: readonly Component[];
}

/** What we use of SPDX 2.3 (clauses 6 to 8 and 11), strictly: an unknown field is a failure. */
const id = v.pipe(v.string(), v.regex(/^SPDXRef-[a-zA-Z0-9.-]+$/));
const unasserted = v.literal("NOASSERTION");
const spdx = v.strictObject({
  spdxVersion: v.literal("SPDX-2.3"),
  dataLicense: v.literal("CC0-1.0"),
  SPDXID: v.literal("SPDXRef-DOCUMENT"),
  name: v.string(),
  documentNamespace: v.pipe(v.string(), v.regex(/^urn:uuid:[0-9a-f-]{36}$/)),
  creationInfo: v.strictObject({
    created: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)),
    creators: v.pipe(v.array(v.pipe(v.string(), v.regex(/^Tool: /))), v.minLength(1)),
  }),
  packages: v.array(
    v.strictObject({
      SPDXID: id,
      name: v.string(),
      versionInfo: v.string(),
      downloadLocation: unasserted,
      filesAnalyzed: v.boolean(),
      packageVerificationCode: v.optional(
        v.strictObject({ packageVerificationCodeValue: v.pipe(v.string(), v.regex(/^[0-9a-f]{40}$/)) }),
      ),
      licenseInfoFromFiles: v.optional(v.array(unasserted)),
      licenseConcluded: unasserted,
      licenseDeclared: unasserted,
      copyrightText: unasserted,
      primaryPackagePurpose: v.optional(v.literal("APPLICATION")),
      sourceInfo: v.optional(v.string()),
      externalRefs: v.optional(
        v.array(
          v.strictObject({
            referenceCategory: v.literal("PACKAGE-MANAGER"),
            referenceType: v.literal("purl"),
            referenceLocator: v.pipe(v.string(), v.regex(/^pkg:deb\/\S+$/)),
          }),
        ),
      ),
    }),
  ),
  files: v.array(
    v.strictObject({
      SPDXID: id,
      fileName: v.pipe(v.string(), v.regex(/^\.\//)),
      checksums: v.pipe(
        v.array(v.strictObject({ algorithm: v.picklist(["SHA1", "SHA256"]), checksumValue: v.string() })),
        v.check((sums) => sums.some(({ algorithm }) => algorithm === "SHA1"), "has no SHA1"),
      ),
      licenseConcluded: unasserted,
      licenseInfoInFiles: v.array(unasserted),
      copyrightText: unasserted,
      comment: v.string(),
    }),
  ),
  relationships: v.array(
    v.strictObject({
      spdxElementId: id,
      relationshipType: v.picklist(["DESCRIBES", "CONTAINS", "EXPANDED_FROM_ARCHIVE"]),
      relatedSpdxElement: id,
    }),
  ),
});
