import type { Manifest } from "../manifest/manifest.ts";

/**
 * The package's URL by the purl specification's type `deb`: `pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12`.
 * What a manifest of an earlier release does not tell is left out.
 */
export function packageUrl(manifest: Manifest, name: string, version: string): string {
  const { platform, origins } = manifest;
  const architecture = origins?.[name]?.architecture;
  const qualifiers = [
    ...(architecture === undefined ? [] : [`arch=${encoded(architecture)}`]),
    ...(platform === undefined ? [] : [`distro=${encoded(distro(platform))}`]),
  ];
  const distribution = platform?.distribution ?? "debian";
  const query = qualifiers.length > 0 ? `?${qualifiers.join("&")}` : "";
  return `pkg:deb/${encoded(distribution)}/${encoded(name)}@${encoded(version)}${query}`;
}

function distro({ distribution, release }: NonNullable<Manifest["platform"]>): string {
  return release === "" ? distribution : `${distribution}-${release}`;
}

/** A colon stands for itself (purl specification, character encoding), as in the epoch of a version. */
function encoded(text: string): string {
  return encodeURIComponent(text).replaceAll("%3A", ":");
}
