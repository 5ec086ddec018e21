import { createRequire } from "node:module";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { completeManifest } from "../../provider/generation/fixed.ts";
import { generationDigest } from "../../provider/manifest/digest.ts";
import type { Manifest } from "../../provider/manifest/manifest.ts";
import { renderCycloneDx } from "../../provider/sbom/cyclonedx.ts";
import { renderSpdx } from "../../provider/sbom/spdx.ts";
import type { Subject } from "../../provider/sbom/subject.ts";
import { spdxSchema } from "../support/spdx-schema.ts";
import { discoverRecorded } from "../unit/discovery/recorded.ts";

/** The schemas of CycloneDX come with its own library, which is no module of ECMAScript's. */
const { Spec, Validation } = createRequire(import.meta.url)("@cyclonedx/cyclonedx-library") as {
  readonly Spec: { readonly Version: { readonly v1dot6: string } };
  readonly Validation: {
    readonly JsonStrictValidator: new (version: string) => { validate(text: string): Promise<unknown> };
  };
};

function subjectOf(unit: string): Subject {
  const traced = discoverRecorded(unit).manifest;
  const origins = Object.fromEntries(
    Object.entries(traced.packages).map(([name, version]) => [
      name,
      { architecture: "amd64", source: `src-${name}`, sourceVersion: version },
    ]),
  );
  const platform = { distribution: "debian", release: "12", architecture: "amd64" };
  const manifest: Manifest = completeManifest({ ...traced, origins, platform });
  return { jailName: "web", generation: generationDigest(manifest), manifest, toolVersion: "0.1.0" };
}

describe("an SBOM in CycloneDX", () => {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);

  it.each(["apache2.service", "mariadb.service"])("of %s is valid by the strict schema of 1.6", async (unit) => {
    expect(await validator.validate(renderCycloneDx(subjectOf(unit)))).toBeNull();
    const { entries, ...rest } = subjectOf(unit).manifest;
    const bare = { ...rest, entries, origins: undefined, platform: undefined };
    expect(await validator.validate(renderCycloneDx({ ...subjectOf(unit), manifest: bare }))).toBeNull();
  });

  it("would not be if a field were wrong", async () => {
    const text = renderCycloneDx(subjectOf("apache2.service")).replace('"SHA-256"', '"SHA-255"');
    expect(await validator.validate(text)).not.toBeNull();
  });
});

describe("an SBOM in SPDX", () => {
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(spdxSchema());
  const textOf = (unit: string): string => {
    const subject = subjectOf(unit);
    const files = subject.manifest.entries.filter(({ kind }) => kind === "file");
    return renderSpdx(subject, new Map(files.map(({ path }) => [path, "0".repeat(40)])));
  };

  it.each(["apache2.service", "mariadb.service"])("of %s is valid by the official schema of 2.3", (unit) => {
    validate(JSON.parse(textOf(unit)));
    expect(validate.errors).toBeNull();
  });

  it("would not be if a field were wrong", () => {
    expect(validate(JSON.parse(textOf("apache2.service").replace('"SHA256"', '"SHA255"')))).toBe(false);
    expect(validate(JSON.parse(textOf("apache2.service").replace('"packages":', '"package":')))).toBe(false);
  });
});
