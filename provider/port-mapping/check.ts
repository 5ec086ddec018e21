import { canonicalAddress } from "../haproxy/address.ts";
import { decideName, failuresOf } from "../resource/check.ts";
import type { Checked, Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown, UNKNOWN } from "../resource/unknown.ts";
import { normalizeBackends } from "./backends.ts";
import { normalizeBackendsFrom } from "./backends-from.ts";
import { failuresOfEngine } from "./engine.ts";
import { normalizeHealthCheck } from "./health-check.ts";
import type { PortMappingInputs } from "./inputs.ts";
import { schema } from "./schema.ts";
import { normalizeTls, tlsWarnings } from "./tls.ts";
import { failuresOfVirtualAddress, reachedAt, withDefaults } from "./virtual-address.ts";

type Given = Readonly<Record<string, unknown>>;

/** Every failure at once, offline; unknown values pass; every default is decided here, so that a preview shows it. */
export function checkPortMapping(
  olds: Partial<PortMappingInputs> | undefined,
  news: Given,
): Checked<PortMappingInputs> {
  const hidden = news["__jail"] as { readonly name?: string } | undefined;
  const mappingName = decideName(news["mappingName"], olds?.mappingName, hidden?.name);
  const given = { ...news, mappingName };
  const { from, failures: fromFailures } = normalizeBackendsFrom(news);
  const isOwn = news["backends"] === STATISTICS;
  const { backends, failures: backendFailures } = backendsOf(news);
  const check = normalizeHealthCheck(
    news["healthCheck"],
    isOwn || news["engine"] === "nftables" ? [] : news["backends"],
  );
  const mode = news["mode"] ?? (isOwn ? "http" : "tcp");
  const { tls, failures: tlsFailures } = normalizeTls(news["tls"], mode);
  const address = news["address"] ?? (news["connection"] as Given | undefined)?.["host"] ?? UNKNOWN;
  const engine = news["engine"] ?? "haproxy";
  // A rule that leads a port elsewhere is for one address, never for all.
  const anywhere = engine === "nftables" ? address : isUnknown(engine) ? UNKNOWN : "*";
  const bindAddress = canonical(news["bindAddress"] ?? (isOwn ? "127.0.0.1" : anywhere));
  const virtualAddress = withDefaults(news["virtualAddress"]);
  const inputs = {
    connection: news["connection"],
    __jail: news["__jail"],
    adopt: news["adopt"] ?? false,
    mappingName,
    address,
    bindAddress,
    bindPort: news["bindPort"],
    mode,
    engine,
    backends,
    ...(from === undefined ? {} : { backendsFrom: from }),
    hostnames: lowered(news["hostnames"] ?? []),
    pathPrefix: trimmed(news["pathPrefix"] ?? ""),
    httpReuse: news["httpReuse"] ?? "never",
    balance: news["balance"] ?? "leastconn",
    weights: normalizeWeights(news["weights"]),
    clientAddress: news["clientAddress"] ?? (isUnknown(mode) ? UNKNOWN : mode === "http" ? "forwarded" : "none"),
    acceptProxyFrom: news["acceptProxyFrom"] ?? [],
    healthCheck: check.healthCheck,
    drainSeconds: news["drainSeconds"] ?? 30,
    timeouts: withTimeouts(news["timeouts"]),
    ...(tls === undefined ? {} : { tls }),
    redirectToHttps: news["redirectToHttps"] ?? false,
    affinity: news["affinity"] ?? "none",
    limits: news["limits"] ?? {},
    ...(virtualAddress === undefined ? {} : { virtualAddress }),
    url: urlOf(mode, isOwn ? (news["bindAddress"] ?? "127.0.0.1") : (reachedAt(virtualAddress) ?? address), tls, news),
  };
  return {
    inputs: inputs as unknown as PortMappingInputs,
    warnings: tlsWarnings(tls, inputs.hostnames, Date.now()),
    failures: [
      ...failuresOf(schema, given),
      ...backendFailures,
      ...fromFailures,
      ...check.failures,
      ...tlsFailures,
      ...failuresOfVirtualAddress(news["virtualAddress"]),
      ...failuresOfEngine({ ...given, mode, bindAddress }),
      ...crossed({ ...given, mode }),
      ...withoutResponders(given, backends),
    ],
  };
}

/** The word for the proxy's own page in place of backends. */
const STATISTICS = "statistics";

/** Who only redirects, has them from elsewhere, or asks for the proxy's own page, has no servers. */
function backendsOf(news: Given): ReturnType<typeof normalizeBackends> {
  const given = news["backends"];
  if (given === STATISTICS) return { backends: STATISTICS, failures: [] };
  if (
    (news["redirectToHttps"] === true || news["backendsFrom"] !== undefined) &&
    (given === undefined || (Array.isArray(given) && given.length === 0))
  )
    return { backends: [], failures: [] };
  return normalizeBackends(given);
}

/** What fits no other property. */
function crossed(given: Given): readonly Failure[] {
  return [
    ...(given["redirectToHttps"] === true && given["tls"] !== undefined
      ? [
          {
            property: "redirectToHttps",
            reason: "there is nothing to redirect with tls; make a mapping of the plain port",
          },
        ]
      : []),
    ...(given["mode"] === "tcp" ? notInTcp(given) : []),
    ...(given["backends"] === STATISTICS && given["mode"] !== "http" && !isUnknown(given["mode"])
      ? [{ property: "mode", reason: 'backends "statistics" needs mode "http"' }]
      : []),
  ];
}

/** "snmp" with its port decided; what is not known yet stays so. */
function normalizeWeights(given: unknown): unknown {
  if (given === undefined) return "configured";
  const snmp = typeof given === "object" && given !== null ? (given as Given)["snmp"] : undefined;
  return typeof snmp === "object" && snmp !== null ? { snmp: { port: 161, ...snmp } } : given;
}

/** Plain backends beside endpoints keep their weights; with none at all there is nobody to ask. */
function withoutResponders(given: Given, backends: unknown): readonly Failure[] {
  if (given["weights"] !== "load" || !Array.isArray(backends) || backends.some(containsUnknown)) return [];
  if (backends.some((backend) => (backend as Given)["agent"] !== undefined)) return [];
  return [
    { property: "weights", reason: '"load" asks the hosts of jailed services, and no backend is an endpoint of one' },
  ];
}

/** What only the http mode has. */
function notInTcp(given: Given): readonly Failure[] {
  const only = (property: string, is: boolean): readonly Failure[] =>
    is ? [{ property, reason: 'needs mode "http"' }] : [];
  return [
    ...(given["tls"] !== undefined && Array.isArray(given["hostnames"]) && given["hostnames"].length > 0
      ? [{ property: "hostnames", reason: 'with tls needs mode "http"; without, tcp goes by SNI' }]
      : []),
    ...only("pathPrefix", typeof given["pathPrefix"] === "string" && trimmed(given["pathPrefix"]) !== ""),
    ...only("clientAddress", given["clientAddress"] === "forwarded"),
    ...only("httpReuse", given["httpReuse"] === "safe"),
    ...only("redirectToHttps", given["redirectToHttps"] === true),
    ...only("affinity", given["affinity"] === "cookie"),
    ...only(
      "limits.requestsPerSecondPerAddress",
      (given["limits"] as Given | undefined)?.["requestsPerSecondPerAddress"] !== undefined,
    ),
  ];
}

function urlOf(mode: unknown, address: unknown, tls: unknown, news: Given): string {
  const { bindPort, pathPrefix = "" } = news;
  if ([mode, address, bindPort, pathPrefix].some(containsUnknown)) return UNKNOWN;
  const host = String(address).includes(":") ? `[${address}]` : String(address);
  if (mode !== "http") return `${mode === "udp" ? "udp" : "tcp"}://${host}:${bindPort}`;
  const [scheme, usual] = tls === undefined ? ["http", 80] : ["https", 443];
  return `${scheme}://${host}${bindPort === usual ? "" : `:${bindPort}`}${trimmed(pathPrefix)}/`;
}

function canonical(address: unknown): unknown {
  return typeof address === "string" ? canonicalAddress(address) : address;
}

/** "/" is every path, and a slash at the end says nothing. */
function trimmed(prefix: unknown): unknown {
  return typeof prefix === "string" && !isUnknown(prefix) ? prefix.replace(/\/+$/, "") : prefix;
}

function lowered(hostnames: unknown): unknown {
  if (!Array.isArray(hostnames)) return hostnames;
  return hostnames.map((name: unknown) => (typeof name === "string" ? name.toLowerCase() : name));
}

function withTimeouts(given: unknown): unknown {
  if (isUnknown(given)) return UNKNOWN;
  return { connectSeconds: 5, clientSeconds: 30, serverSeconds: 30, ...(given as object | undefined) };
}
