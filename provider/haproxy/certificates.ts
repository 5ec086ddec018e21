import { createHash } from "node:crypto";
import { allowed, allowedNumber, isWord } from "./allowed.ts";
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

/** The lists, by bind and in one order, and the authorities; by name. */
export function renderCertificateFiles(mappings: readonly Mapping[]): readonly CertificateFile[] {
  const files = new Map<string, string>();
  for (const mapping of [...mappings].sort(byParticularity)) {
    if (!mapping.tls) continue;
    const list = listFile(bindNameOf(mapping));
    files.set(list, (files.get(list) ?? "") + renderLines(mapping.name, mapping.tls));
    if (mapping.tls.clientCa !== undefined) files.set(authorityFile(mapping.name), `${mapping.tls.clientCa.trim()}\n`);
  }
  return [...files.keys()].sort().map((name) => ({ name, text: files.get(name)! }));
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

const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;

/** What differs between mappings of one bind goes by SNI (HAProxy configuration manual, 5.1, crt-list). */
function renderLines(name: string, tls: MappingTls): string {
  const version = VERSIONS.find((known) => known === tls.minVersion);
  if (version === undefined) throw new Error("this version of TLS is not allowed in the proxy's configuration");
  const protocols = tls.alpn.map((protocol) => allowed(isProtocol, protocol)).join(",");
  const options = `${protocols === "" ? "" : `alpn ${protocols} `}ssl-min-ver ${version}`;
  const files = tls.certificates.map((_, index) => certificatePath(certificateFile(name, index)));
  return files.map((path) => `${path} [${options}]\n`).join("");
}

function isProtocol(text: string): boolean {
  return /^[A-Za-z0-9./-]{1,32}$/.test(text);
}

/** The first certificate of a list is for clients that name no host: that of the mapping which takes all names. */
function byParticularity(a: Mapping, b: Mapping): number {
  return Number(a.hostnames.length > 0) - Number(b.hostnames.length > 0) || (a.name < b.name ? -1 : 1);
}
