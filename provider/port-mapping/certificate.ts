import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isCertificateName } from "../haproxy/allowed.ts";
import { digestOfText } from "../haproxy/certificates.ts";
import type { CertificateMark } from "../haproxy/mapping.ts";

/** A certificate as given: PEM, the chain behind it, and its key. */
export interface CertificateInputs {
  readonly certificate: string;
  readonly privateKey: string;
}

/** One text for one certificate and key: no line is empty, as that would end what the runtime API is told. */
export function pemOf({ certificate, privateKey }: CertificateInputs): string {
  const chain = blocksOf(certificate).filter((block) => block.startsWith("-----BEGIN CERTIFICATE-----"));
  return [...chain, ...blocksOf(privateKey)].join("");
}

/** What an edge keeps of it besides the file. */
export function markOf(given: CertificateInputs, hostnames: readonly string[]): CertificateMark {
  const certificate = new X509Certificate(given.certificate);
  return {
    sha256: digestOfText(pemOf(given)),
    fingerprint: certificate.fingerprint.replaceAll(":", "").toLowerCase(),
    names: hostnames.length > 0 ? hostnames.filter((name) => covers(certificate, name)) : namesIn(certificate),
  };
}

function covers(certificate: X509Certificate, name: string): boolean {
  return certificate.checkHost(name) !== undefined;
}

/** Its subject alternative names, else its common name (RFC 6125, 6.4.4). */
function namesIn({ subjectAltName = "", subject = "" }: X509Certificate): readonly string[] {
  const names = [...subjectAltName.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map(([, name]) => name!);
  const common = /^CN=(.+)$/m.exec(subject)?.[1];
  const found = names.length > 0 || common === undefined ? names : [common];
  return [...new Set(found.map((name) => name.toLowerCase()).filter(isCertificateName))].slice(0, 100);
}

/** The blocks of a text in PEM (RFC 7468), each with its lines ended. */
export function blocksOf(text: string): readonly string[] {
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g) ?? [];
  return blocks.map((block) =>
    block
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== "")
      .map((line) => `${line}\n`)
      .join(""),
  );
}

/** The leaf, or undefined for a text that is none. */
export function parseCertificate(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

/** The key, or why it is none; never a part of it. */
export function parseKey(text: string): KeyObject | string {
  if (/ENCRYPTED/.test(text)) return "is encrypted; give it decrypted";
  try {
    return createPrivateKey(text);
  } catch {
    return "is no private key in PEM";
  }
}

/** What a user should know of a certificate that is served all the same. */
export function warningsOf(text: string, now: number): readonly string[] {
  const certificate = parseCertificate(text);
  if (!certificate) return [];
  const { subject = "", validFrom, validTo } = certificate;
  const named = `the certificate of ${subject.replaceAll("\n", ", ")}`;
  const end = Date.parse(validTo);
  return [
    ...(end < now ? [`${named} expired on ${validTo}`] : end < now + SOON ? [`${named} expires on ${validTo}`] : []),
    ...(Date.parse(validFrom) > now ? [`${named} is not valid before ${validFrom}`] : []),
  ];
}

/** The hostnames that none of the certificates covers. */
export function uncovered(certificates: readonly string[], hostnames: readonly string[]): readonly string[] {
  const parsed = certificates.flatMap((text) => parseCertificate(text) ?? []);
  return hostnames.filter((name) => !parsed.some((certificate) => covers(certificate, name)));
}

/** A week. */
const SOON = 7 * 24 * 3600 * 1000;
