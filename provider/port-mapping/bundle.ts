import { certificateFile, certificateFilesOf } from "../haproxy/certificates.ts";
import type { Configuration } from "../haproxy/configuration.ts";
import type { Mapping } from "../haproxy/mapping.ts";

/** All files beside the configuration have this mode: root writes them, the proxy reads them, nobody else comes so far. */
export const CERTIFICATE_MODE = "640:root:pulumi-jail-edge";

/**
 * The files beside the configuration as steps get them (edge_unbundle in lib-edge.sh): `file NAME BYTES` with the content
 * behind it, and `keep NAME` for keys of other mappings, which only lie on the edge. What is not named goes.
 */
export function renderBundle(
  configuration: Configuration,
  mine: { readonly name: string; readonly pems: readonly string[] },
  others: readonly Mapping[],
): string {
  const files = [
    ...configuration.files,
    ...mine.pems.map((text, index) => ({ name: certificateFile(mine.name, index), text })),
  ];
  return [
    ...files.map(({ name, text }) => `file ${name} ${Buffer.byteLength(text)}\n${text}`),
    ...certificateFilesOf(others).map((name) => `keep ${name}\n`),
  ].join("");
}
