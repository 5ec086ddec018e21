import { familyOf } from "../haproxy/address.ts";
import { shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { isUnknown } from "../resource/unknown.ts";

type Given = Readonly<Record<string, unknown>>;

/** What only one of the two engines can do; `mode` and `bindAddress` have their defaults. */
export function failuresOfEngine(given: Given): readonly Failure[] {
  const { engine = "haproxy", mode } = given;
  if (isUnknown(engine)) return [];
  return [
    ...failuresOfProtocols(given),
    ...(engine === "nftables" ? failuresOfForward(given) : []),
    ...ofUdp(engine, mode),
  ];
}

function ofUdp(engine: unknown, mode: unknown): readonly Failure[] {
  return mode === "udp" && engine === "haproxy" ? [{ property: "mode", reason: '"udp" needs engine "nftables"' }] : [];
}

function failuresOfForward(given: Given): readonly Failure[] {
  const { mode, bindAddress, backends } = given;
  return [
    ...(mode === "http"
      ? [{ property: "mode", reason: 'engine "nftables" forwards "tcp" and "udp"; "http" needs "haproxy"' }]
      : []),
    ...(backends === "statistics" ? [{ property: "backends", reason: 'engine "nftables" has no statistics' }] : []),
    ...(bindAddress === "*"
      ? [{ property: "bindAddress", reason: 'engine "nftables" has one address of the host, never all' }]
      : []),
    ...(typeof bindAddress === "string" && bindAddress !== "*" && !isUnknown(bindAddress) && familyOf(bindAddress) !== 4
      ? [{ property: "bindAddress", reason: `${shown(bindAddress)} is no IPv4 address; give one of the host's own` }]
      : []),
    ...(Array.isArray(backends) ? backends : []).flatMap((backend: unknown, index) => {
      const address = (backend as Given | null)?.["address"];
      return typeof address === "string" && familyOf(address) === 6
        ? [{ property: `backends[${index}].address`, reason: 'engine "nftables" has IPv4 addresses' }]
        : [];
    }),
    ...PROXY_ONLY.filter((property) => isSaid(property, given[property])).map((property) => ({
      property,
      reason: 'engine "nftables" has none',
    })),
  ];
}

/** A backend's protocol has to be the mapping's. */
function failuresOfProtocols({ backends, mode }: Given): readonly Failure[] {
  if (!Array.isArray(backends) || isUnknown(mode)) return [];
  const wanted = mode === "udp" ? "udp" : "tcp";
  return backends.flatMap((backend: unknown, index) => {
    const protocol = (backend as Given | null)?.["protocol"];
    if ((protocol !== "tcp" && protocol !== "udp") || protocol === wanted) return [];
    const reason =
      protocol === "udp" ? 'is an endpoint of udp; set mode "udp" and engine "nftables"' : "is none of udp";
    return [{ property: `backends[${index}]`, reason }];
  });
}

const PROXY_ONLY = [
  "healthCheck",
  "hostnames",
  "pathPrefix",
  "redirectToHttps",
  "tls",
  "affinity",
  "limits",
  "httpReuse",
  "balance",
  "weights",
  "clientAddress",
  "acceptProxyFrom",
  "timeouts",
  "drainSeconds",
  "virtualAddress",
] as const;

const NEUTRAL: Given = { affinity: "none", weights: "configured", clientAddress: "none", redirectToHttps: false };

function isSaid(property: string, value: unknown): boolean {
  return value !== undefined && !isUnknown(value) && value !== NEUTRAL[property];
}
