import { packageUrl } from "./purl.ts";
import { type ListedFile, listedFiles, listedPackages, type Subject, subjectUuid } from "./subject.ts";

/**
 * The jail as a CycloneDX 1.6 document: packages as libraries with their files below them, and files that no package
 * owns beside. No time is in it, so that the same generation is the same text.
 */
export function renderCycloneDx(subject: Subject): string {
  const { manifest, jailName, generation, toolVersion } = subject;
  const files = listedFiles(manifest);
  const packages = listedPackages(manifest);
  const owned = packages.map(([name, version]) => {
    const purl = packageUrl(manifest, name, version);
    const origin = manifest.origins?.[name];
    const below = files.filter((file) => file.package === name).map(fileComponent);
    return {
      type: "library",
      "bom-ref": purl,
      name,
      version,
      purl,
      ...(origin && { properties: [property("source-package", `${origin.source} ${origin.sourceVersion}`)] }),
      ...(below.length > 0 && { components: below }),
    };
  });
  const unowned = files.filter((file) => file.package === undefined).map(fileComponent);
  const root = { type: "application", "bom-ref": "jail", name: jailName, version: generation };
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${subjectUuid(subject)}`,
    version: 1,
    metadata: {
      tools: { components: [{ type: "application", name: "pulumi-jail", version: toolVersion }] },
      component: root,
    },
    components: [...owned, ...unowned],
    dependencies: [{ ref: "jail", dependsOn: owned.map((component) => component["bom-ref"]) }],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function fileComponent({ path, sha256, reason }: ListedFile) {
  return {
    type: "file",
    "bom-ref": `file:${path}`,
    name: path,
    ...(sha256 !== undefined && { hashes: [{ alg: "SHA-256", content: sha256 }] }),
    properties: [property("why", reason)],
  };
}

function property(name: string, value: string) {
  return { name: `pulumi-jail:${name}`, value };
}
