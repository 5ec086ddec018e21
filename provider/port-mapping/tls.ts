import type { MappingTls } from "../haproxy/mapping.ts";
import { shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown, UNKNOWN } from "../resource/unknown.ts";
import {
  blocksOf,
  type CertificateInputs,
  markOf,
  parseCertificate,
  parseKey,
  uncovered,
  warningsOf,
} from "./certificate.ts";

type Given = Readonly<Record<string, unknown>>;

/** `tls` as check leaves it. */
export interface TlsInputs {
  readonly certificates: readonly CertificateInputs[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  readonly alpn: readonly string[];
  readonly clientCa?: string;
}

/** Defaults filled in, and every failure at its path; no message shows what may be a key. */
export function normalizeTls(
  given: unknown,
  mode: unknown,
): { readonly tls: unknown; readonly failures: readonly Failure[] } {
  if (given === undefined) return { tls: undefined, failures: [] };
  if (isUnknown(given)) return { tls: UNKNOWN, failures: [] };
  if (!isObject(given)) return { tls: undefined, failures: [failure("", "is no { certificates }")] };
  const { certificates, minVersion = "TLSv1.2", clientCa } = given;
  // What a server behind a tcp mapping speaks only its owner knows.
  const alpn = given["alpn"] ?? (isUnknown(mode) ? UNKNOWN : mode === "http" ? ["h2", "http/1.1"] : []);
  return {
    tls: { certificates, minVersion, alpn, ...(clientCa === undefined ? {} : { clientCa }) },
    failures: [
      ...failuresOfCertificates(certificates),
      ...(isUnknown(minVersion) || VERSIONS.includes(minVersion as string)
        ? []
        : [failure(".minVersion", `${shown(minVersion)} is none of "TLSv1.2", "TLSv1.3"`)]),
      ...failuresOfProtocols(alpn),
      ...(clientCa === undefined || containsUnknown(clientCa) || isAuthority(clientCa)
        ? []
        : [failure(".clientCa", "is no certificate in PEM")]),
      ...Object.keys(given)
        .filter((key) => !KEYS.includes(key))
        .map((key) => failure(`.${key}`, "is not known here")),
    ],
  };
}

const VERSIONS: readonly string[] = ["TLSv1.2", "TLSv1.3"];
const PROTOCOLS: readonly unknown[] = ["h2", "http/1.1"];
const KEYS: readonly string[] = ["certificates", "minVersion", "alpn", "clientCa"];

/** In the proxy's words; the keys are left behind. */
export function mappingTlsOf(tls: TlsInputs, hostnames: readonly string[]): MappingTls {
  const { certificates, minVersion, alpn, clientCa } = tls;
  return {
    certificates: certificates.map((one) => markOf(one, hostnames)),
    minVersion,
    alpn,
    ...(clientCa === undefined ? {} : { clientCa: blocksOf(clientCa).join("") }),
  };
}

/** What to tell the user of certificates that will be served all the same, as far as it is known in a preview. */
export function tlsWarnings(tls: unknown, hostnames: unknown, now: number): readonly string[] {
  const certificates = isObject(tls) && Array.isArray(tls["certificates"]) ? (tls["certificates"] as unknown[]) : [];
  const texts = certificates.flatMap((one) => (isObject(one) ? [one["certificate"]] : [UNKNOWN]));
  const known = texts.filter((text): text is string => typeof text === "string" && !isUnknown(text));
  const isAllKnown = known.length === certificates.length && known.length > 0 && !containsUnknown(hostnames);
  return [
    ...known.flatMap((text) => warningsOf(text, now)),
    ...(isAllKnown && Array.isArray(hostnames) ? uncovered(known, hostnames as string[]) : []).map(
      (name) => `no certificate of tls.certificates covers ${name}`,
    ),
  ];
}

function failuresOfCertificates(certificates: unknown): readonly Failure[] {
  if (isUnknown(certificates)) return [];
  if (!Array.isArray(certificates)) return [failure(".certificates", "is no list")];
  if (certificates.length === 0) return [failure(".certificates", "is empty")];
  if (certificates.length > 64) return [failure(".certificates", "has more than 64")];
  return certificates.flatMap((one: unknown, index) => failuresOfOne(one, `.certificates[${index}]`));
}

function failuresOfOne(one: unknown, at: string): readonly Failure[] {
  if (isUnknown(one)) return [];
  if (!isObject(one)) return [failure(at, "is no { certificate, privateKey }")];
  const { certificate, privateKey } = one;
  const leaf = typeof certificate === "string" ? parseCertificate(certificate) : undefined;
  const key = typeof privateKey === "string" && !isUnknown(privateKey) ? parseKey(privateKey) : undefined;
  const failures: Failure[] = [];
  if (!isUnknown(certificate) && !leaf)
    failures.push(failure(`${at}.certificate`, certificate === undefined ? "is missing" : "is no certificate in PEM"));
  if (!isUnknown(privateKey) && key === undefined)
    failures.push(failure(`${at}.privateKey`, privateKey === undefined ? "is missing" : "is no private key in PEM"));
  if (typeof key === "string") failures.push(failure(`${at}.privateKey`, key));
  if (leaf && typeof key === "object" && !leaf.checkPrivateKey(key))
    failures.push(failure(`${at}.privateKey`, "does not belong to the certificate"));
  return failures;
}

function failuresOfProtocols(alpn: unknown): readonly Failure[] {
  if (isUnknown(alpn)) return [];
  if (!Array.isArray(alpn)) return [failure(".alpn", `${shown(alpn)} is no list`)];
  return alpn.flatMap((protocol: unknown, index) =>
    isUnknown(protocol) || PROTOCOLS.includes(protocol)
      ? []
      : [failure(`.alpn[${index}]`, `${shown(protocol)} is none of "h2", "http/1.1"`)],
  );
}

function isAuthority(text: unknown): boolean {
  return (
    typeof text === "string" && blocksOf(text).length > 0 && blocksOf(text).every((block) => parseCertificate(block))
  );
}

function failure(at: string, reason: string): Failure {
  return { property: `tls${at}`, reason };
}

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
