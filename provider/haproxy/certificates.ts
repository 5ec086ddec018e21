import { createHash } from "node:crypto";
import { allowed, allowedNumber, isCertificateName, isWord } from "./allowed.ts";
import type { Mapping, MappingTls } from "./mapping.ts";
import { EDGE_CERTIFICATES } from "./paths.ts";

/** A file below EDGE_CERTIFICATES. */
export interface CertificateFile {
  readonly name: string;
  readonly text: string;
}

/** The file of a mapping's certificate and key. Its name stays when its content changes, so that the running proxy can be told the new one. */
export function certificateFile(mappingName: string, index: number): string {
  return `${allowed(isWord, mappingName)}.${allowedNumber(index, 0, 63)}.pem`;
}

/** Where the proxy finds a certificate, which is also what the runtime API calls it. */
export function certificatePath(file: string): string {
  return `${EDGE_CERTIFICATES}/${file}`;
}

/** What a bind says of the certificates of those who share it, of which all have some or none has. */
export function renderTlsOptions(bindName: string, sharers: readonly Mapping[]): string {
  if (!sharers.some(({ tls }) => tls)) return "";
  const strict = sharers.find(({ tls }) => tls?.clientCa !== undefined);
  const authority = strict ? ` ca-file ${certificatePath(authorityFile(strict.name))} verify required` : "";
  return ` ssl crt-list ${certificatePath(listFile(bindName))}${authority}`;
}

/** The lists, by bind and in one order, and the authorities; by name. Without lines of files that are lost. */
export function renderCertificateFiles(
  mappings: readonly Mapping[],
  lost: ReadonlySet<string>,
): readonly CertificateFile[] {
  const files = new Map<string, string>();
  const served = mappings.filter((mapping) => isServed(mapping, lost));
  for (const mapping of [...served].sort(byParticularity)) {
    if (!mapping.tls) continue;
    const list = listFile(bindNameOf(mapping));
    const sharers = served.filter((other) => bindNameOf(other) === bindNameOf(mapping));
    files.set(list, (files.get(list) ?? "") + renderLines(mapping, mapping.tls, sharers, lost));
    if (mapping.tls.clientCa !== undefined) files.set(authorityFile(mapping.name), `${mapping.tls.clientCa.trim()}\n`);
  }
  return [...files.keys()].sort().map((name) => ({ name, text: files.get(name)! }));
}

/** Whether a mapping needs no certificate, or has one that is not lost. */
export function isServed({ name, tls }: Mapping, lost: ReadonlySet<string>): boolean {
  return !tls || tls.certificates.some((_, index) => !lost.has(certificateFile(name, index)));
}

/** Files of certificates and keys that the mappings need. */
export function certificateFilesOf(mappings: readonly Mapping[]): readonly string[] {
  return mappings.flatMap(({ name, tls }) => (tls?.certificates ?? []).map((_, index) => certificateFile(name, index)));
}

/** What `show stat` and the lists call a bind; no mapping's name has a colon. */
export function bindNameOf(mapping: Pick<Mapping, "bindAddress" | "bindPort">): string {
  const address = mapping.bindAddress === "*" ? "any" : allowed(isWord, mapping.bindAddress);
  return `bind:${address}:${allowedNumber(mapping.bindPort, 1, 65535)}`;
}

/** sha256 as the host's sha256sum(1) gives it. */
export function digestOfText(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function listFile(bindName: string): string {
  return `${bindName.replaceAll(":", "_")}.list`;
}

function authorityFile(mappingName: string): string {
  return `${allowed(isWord, mappingName)}.ca.pem`;
}

/** What differs between mappings of one bind goes by SNI (HAProxy configuration manual, 5.1, crt-list). */
function renderLines(
  mapping: Mapping,
  tls: MappingTls,
  sharers: readonly Mapping[],
  lost: ReadonlySet<string>,
): string {
  const { minVersion, alpn } = strictest(mapping, tls, sharers);
  const protocols = alpn.map((protocol) => allowed(isProtocol, protocol)).join(",");
  const options = `${protocols === "" ? "" : `alpn ${protocols} `}ssl-min-ver ${minVersion}`;
  return tls.certificates
    .map((mark, index) => ({ mark, file: certificateFile(mapping.name, index) }))
    .filter(({ file }) => !lost.has(file))
    .map(({ mark, file }, index) => {
      const names = namesOf(mark, index === 0, mapping, sharers).map((name) => allowed(isCertificateName, name));
      return `${certificatePath(file)} [${options}] ${names.length > 0 ? names.join(" ") : NO_NAME}\n`;
    })
    .join("");
}

/** For a certificate that no client can ask for by a name; the first of a list is served all the same to those who name none. */
const NO_NAME = "!*";

/**
 * The names in a certificate itself do not count: it would be served for another mapping's hostname too. What no certificate
 * of a mapping covers gets its first one, as a client is then told whose door this is.
 */
function namesOf(
  mark: MappingTls["certificates"][number],
  isFirst: boolean,
  mapping: Mapping,
  sharers: readonly Mapping[],
): readonly string[] {
  if (mapping.hostnames.length === 0) {
    const taken = new Set(sharers.flatMap(({ hostnames }) => hostnames));
    return mark.names.filter((name) => !taken.has(name));
  }
  const covered = new Set(mapping.tls?.certificates.flatMap(({ names }) => names));
  return mapping.hostnames.filter((name) => mark.names.includes(name) || (isFirst && !covered.has(name)));
}

/** While two mappings of one hostname do not say the same (conflict.ts), the stricter holds for both, in whatever order they came. */
function strictest(mapping: Mapping, tls: MappingTls, sharers: readonly Mapping[]) {
  const same = sharers.flatMap((other) => (other.tls && namesInCommon(mapping, other).length > 0 ? [other.tls] : []));
  const versions = VERSIONS.filter((known) => [tls, ...same].some(({ minVersion }) => minVersion === known));
  const minVersion = versions.at(-1);
  if (minVersion === undefined) throw new Error("this version of TLS is not allowed in the proxy's configuration");
  return { minVersion, alpn: tls.alpn.filter((protocol) => same.every(({ alpn }) => alpn.includes(protocol))) };
}

const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

/** Hostnames of both; "" where both take all that are nobody's. */
export function namesInCommon(mine: Mapping, other: Mapping): readonly string[] {
  if (mine.hostnames.length === 0 && other.hostnames.length === 0) return [""];
  return mine.hostnames.filter((name) => other.hostnames.includes(name));
}

function isProtocol(text: string): boolean {
  return /^[A-Za-z0-9./-]{1,32}$/.test(text);
}

/** The first certificate of a list is for clients that name no host: that of the mapping which takes all names. */
function byParticularity(a: Mapping, b: Mapping): number {
  return Number(a.hostnames.length > 0) - Number(b.hostnames.length > 0) || (a.name < b.name ? -1 : 1);
}
