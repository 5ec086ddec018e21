import { shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { isUnknown, UNKNOWN } from "../resource/unknown.ts";

type Given = Readonly<Record<string, unknown>>;

/** Where servers come from beside the declared ones. */
export interface BackendsFrom {
  readonly etcd: {
    /** `http://HOST:PORT` */
    readonly endpoints: readonly string[];
    readonly prefix: string;
  };
}

/** What the watcher calls servers begins so; a declared one of this kind would be taken for its own. */
export const WATCHED = "etcd:";

/** Every failure at its path; what is unknown passes. */
export function normalizeBackendsFrom(news: Given): { readonly from: unknown; readonly failures: readonly Failure[] } {
  const given = news["backendsFrom"];
  if (given === undefined) return { from: undefined, failures: [] };
  if (isUnknown(given)) return { from: UNKNOWN, failures: [] };
  const etcd = isObject(given) ? given["etcd"] : undefined;
  if (isUnknown(etcd)) return { from: given, failures: together(news) };
  if (!isObject(given) || !isObject(etcd))
    return { from: given, failures: [failure("", "is no { etcd: { endpoints, prefix } }")] };
  return {
    from: given,
    failures: [
      ...strange(given, ["etcd"], ""),
      ...strange(etcd, ["endpoints", "prefix", ...TLS], ".etcd"),
      ...TLS.filter((key) => etcd[key] !== undefined).map((key) => failure(`.etcd.${key}`, "is not in this version")),
      ...failuresOfEndpoints(etcd["endpoints"]),
      ...failuresOfPrefix(etcd["prefix"]),
      ...together(news),
    ],
  };
}

const TLS: readonly string[] = ["ca", "certificate", "privateKey"];
const ENDPOINT = /^http:\/\/(\[[0-9a-fA-F:]{2,39}\]|[A-Za-z0-9][A-Za-z0-9.-]{0,252}):([0-9]{1,5})\/?$/;
const PREFIX = /^[A-Za-z0-9_./:-]{1,200}\/$/;

/** `HOST:PORT` of an endpoint, as the watcher takes it. */
export function placeOf(endpoint: string): string {
  const [, host, port] = ENDPOINT.exec(endpoint) ?? [];
  if (host === undefined) throw new Error(`${shown(endpoint)} is no endpoint of etcd`);
  return `${host}:${port}`;
}

function failuresOfEndpoints(endpoints: unknown): readonly Failure[] {
  if (isUnknown(endpoints)) return [];
  if (endpoints === undefined) return [failure(".etcd.endpoints", "is missing")];
  if (!Array.isArray(endpoints)) return [failure(".etcd.endpoints", `${shown(endpoints)} is no list`)];
  if (endpoints.length === 0) return [failure(".etcd.endpoints", "is empty")];
  return endpoints.flatMap((endpoint: unknown, index) => {
    if (isUnknown(endpoint)) return [];
    if (typeof endpoint === "string" && endpoint.startsWith("https://"))
      return [failure(`.etcd.endpoints[${index}]`, "https is not in this version")];
    const port = typeof endpoint === "string" ? Number(ENDPOINT.exec(endpoint)?.[2] ?? 0) : 0;
    return port >= 1 && port <= 65535
      ? []
      : [failure(`.etcd.endpoints[${index}]`, `${shown(endpoint)} is no http://HOST:PORT`)];
  });
}

function failuresOfPrefix(prefix: unknown): readonly Failure[] {
  if (isUnknown(prefix) || (typeof prefix === "string" && PREFIX.test(prefix))) return [];
  if (prefix === undefined) return [failure(".etcd.prefix", "is missing")];
  return [failure(".etcd.prefix", `${shown(prefix)} is no prefix such as /services/web/, with a slash at the end`)];
}

/** What cannot be had at once. */
function together(news: Given): readonly Failure[] {
  const { engine, backends, redirectToHttps } = news;
  const named = Array.isArray(backends) ? backends : [];
  return [
    ...(engine === "nftables" ? [failure("", 'needs engine "haproxy"')] : []),
    ...(backends === "statistics" ? [failure("", 'there are no servers with backends "statistics"')] : []),
    ...(redirectToHttps === true ? [failure("", "there are no servers with redirectToHttps")] : []),
    ...named.flatMap((backend: unknown, index) =>
      isObject(backend) && !isUnknown(backend["name"]) && String(backend["name"]).startsWith(WATCHED)
        ? [{ property: `backends[${index}].name`, reason: `begins with "${WATCHED}", as the servers from etcd do` }]
        : [],
    ),
  ];
}

function strange(given: Given, known: readonly string[], at: string): readonly Failure[] {
  return Object.keys(given).flatMap((key) =>
    known.includes(key) ? [] : [failure(`${at}.${key}`, "is not known here")],
  );
}

function failure(at: string, reason: string): Failure {
  return { property: `backendsFrom${at}`, reason };
}

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
