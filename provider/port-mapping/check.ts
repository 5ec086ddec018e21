import { canonicalAddress } from "../haproxy/address.ts";
import { decideName, failuresOf } from "../resource/check.ts";
import type { Checked, Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown, UNKNOWN } from "../resource/unknown.ts";
import { normalizeBackends } from "./backends.ts";
import { normalizeHealthCheck } from "./health-check.ts";
import type { PortMappingInputs } from "./inputs.ts";
import { leftOut, schema } from "./schema.ts";

type Given = Readonly<Record<string, unknown>>;

/** Every failure at once, offline; unknown values pass; every default is decided here, so that a preview shows it. */
export function checkPortMapping(
  olds: Partial<PortMappingInputs> | undefined,
  news: Given,
): Checked<PortMappingInputs> {
  const hidden = news["__jail"] as { readonly name?: string } | undefined;
  const mappingName = decideName(news["mappingName"], olds?.mappingName, hidden?.name);
  const given = { ...news, mappingName };
  const { backends, failures: backendFailures } = normalizeBackends(news["backends"]);
  const check = normalizeHealthCheck(news["healthCheck"], news["backends"]);
  const mode = news["mode"] ?? "tcp";
  const address = news["address"] ?? (news["connection"] as Given | undefined)?.["host"] ?? UNKNOWN;
  const inputs = {
    connection: news["connection"],
    __jail: news["__jail"],
    adopt: news["adopt"] ?? false,
    mappingName,
    address,
    bindAddress: canonical(news["bindAddress"] ?? "*"),
    bindPort: news["bindPort"],
    mode,
    engine: news["engine"] ?? "haproxy",
    backends,
    hostnames: lowered(news["hostnames"] ?? []),
    pathPrefix: trimmed(news["pathPrefix"] ?? ""),
    httpReuse: news["httpReuse"] ?? "never",
    balance: news["balance"] ?? "leastconn",
    weights: news["weights"] ?? "configured",
    clientAddress: news["clientAddress"] ?? (isUnknown(mode) ? UNKNOWN : mode === "http" ? "forwarded" : "none"),
    acceptProxyFrom: news["acceptProxyFrom"] ?? [],
    healthCheck: check.healthCheck,
    drainSeconds: news["drainSeconds"] ?? 30,
    timeouts: withTimeouts(news["timeouts"]),
    url: urlOf(mode, address, news["bindPort"], news["pathPrefix"] ?? ""),
  };
  return {
    inputs: inputs as unknown as PortMappingInputs,
    failures: [
      ...failuresOf(schema, given),
      ...backendFailures,
      ...check.failures,
      ...leftOut(given),
      ...crossed(given),
      ...withoutResponders(given, backends),
    ],
  };
}

/** What only the http mode has. */
function crossed(given: Given): readonly Failure[] {
  if ((given["mode"] ?? "tcp") !== "tcp") return [];
  const only = (property: string, is: boolean): readonly Failure[] =>
    is ? [{ property, reason: 'needs mode "http"' }] : [];
  return [
    ...only("hostnames", Array.isArray(given["hostnames"]) && given["hostnames"].length > 0),
    ...only("pathPrefix", typeof given["pathPrefix"] === "string" && trimmed(given["pathPrefix"]) !== ""),
    ...only("clientAddress", given["clientAddress"] === "forwarded"),
    ...only("httpReuse", given["httpReuse"] === "safe"),
  ];
}

/** Plain backends beside endpoints keep their weights; with none at all there is nobody to ask. */
function withoutResponders(given: Given, backends: unknown): readonly Failure[] {
  if (given["weights"] !== "load" || !Array.isArray(backends) || backends.some(containsUnknown)) return [];
  if (backends.some((backend) => (backend as Given)["agent"] !== undefined)) return [];
  return [
    { property: "weights", reason: '"load" asks the hosts of jailed services, and no backend is an endpoint of one' },
  ];
}

function urlOf(mode: unknown, address: unknown, bindPort: unknown, pathPrefix: unknown): string {
  if ([mode, address, bindPort, pathPrefix].some(containsUnknown)) return UNKNOWN;
  const host = String(address).includes(":") ? `[${address}]` : String(address);
  if (mode !== "http") return `tcp://${host}:${bindPort}`;
  return `http://${host}${bindPort === 80 ? "" : `:${bindPort}`}${trimmed(pathPrefix)}/`;
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
