import { allowed, allowedNumber, isAddress, isCidr, isHostname, isPathPrefix, isWord } from "./allowed.ts";
import { bindNameOf, isServed, renderTlsOptions } from "./certificates.ts";
import { type Mapping, renderAddress } from "./mapping.ts";

/** The frontends: one for each (bindAddress, bindPort), shared by the http mappings that were declared on it. */
export function renderFrontends(
  mappings: readonly Mapping[],
  lost: ReadonlySet<string>,
): readonly (readonly string[])[] {
  const binds = new Map<string, Mapping[]>();
  for (const mapping of mappings.filter((one) => isServed(one, lost))) {
    const name = bindNameOf(mapping);
    binds.set(name, [...(binds.get(name) ?? []), mapping]);
  }
  return [...binds.keys()].sort().map((name) => renderFrontend(name, binds.get(name)!));
}

function renderFrontend(name: string, sharers: readonly Mapping[]): readonly string[] {
  const first = sharers[0]!;
  const clientSeconds = Math.max(...sharers.map((mapping) => mapping.timeouts.clientSeconds));
  const proxies = [...new Set(sharers.flatMap((mapping) => mapping.acceptProxyFrom))].sort();
  return [
    `frontend ${name}`,
    `mode ${first.mode === "http" ? "http" : "tcp"}`,
    `${renderBind(first)}${renderTlsOptions(name, sharers)}`,
    `timeout client ${allowedNumber(clientSeconds, 1, 86400)}s`,
    ...(proxies.length > 0
      ? [
          `tcp-request connection expect-proxy layer4 if { src ${proxies.map((cidr) => allowed(isCidr, cidr)).join(" ")} }`,
        ]
      : []),
    ...(first.mode === "http"
      ? // A reload ends idle keep-alive connections only after their next answer: without it 37 of 17,682 failed.
        ["option idle-close-on-response", ...renderRoutes(sharers, renderRoute)]
      : [
          ...(sharers.some(({ hostnames }) => hostnames.length > 0) ? HELLO : []),
          ...renderRoutes(sharers, renderNameRoute),
        ]),
  ];
}

/** The name stands in a client's first bytes (RFC 6066, 3), which the proxy waits for and passes on as they are. */
const HELLO: readonly string[] = [
  "tcp-request inspect-delay 5s",
  "tcp-request content accept if { req.ssl_hello_type 1 }",
];

/** `transparent` binds an address that comes late (keepalived, DHCP at boot) with CAP_NET_BIND_SERVICE alone. */
function renderBind(mapping: Mapping): string {
  const port = Number(allowedNumber(mapping.bindPort, 1, 65535));
  if (mapping.bindAddress === "*") return `bind :${port}`;
  return `bind ${renderAddress(allowed(isAddress, mapping.bindAddress), port)} transparent`;
}

/** The most particular first: a hostname before none, a longer prefix before a shorter one. */
function renderRoutes(
  sharers: readonly Mapping[],
  renderOne: (mapping: Mapping) => readonly string[],
): readonly string[] {
  const particular = sharers
    .filter((mapping) => mapping.hostnames.length > 0 || mapping.pathPrefix !== "")
    .sort(
      (a, b) =>
        Number(b.hostnames.length > 0) - Number(a.hostnames.length > 0) ||
        b.pathPrefix.length - a.pathPrefix.length ||
        (a.name < b.name ? -1 : 1),
    );
  const fallback = sharers.find((mapping) => mapping.hostnames.length === 0 && mapping.pathPrefix === "");
  return [...particular.flatMap(renderOne), ...(fallback ? [`default_backend ${allowed(isWord, fallback.name)}`] : [])];
}

function renderRoute(mapping: Mapping): readonly string[] {
  const name = allowed(isWord, mapping.name);
  const hosts = mapping.hostnames.map((hostname) => allowed(isHostname, hostname));
  const acls: string[] = [];
  const conditions: string[] = [];
  if (hosts.length > 0) {
    acls.push(...hosts.map((host) => `acl host:${name} req.hdr(host),field(1,:),lower -m str -- ${host}`));
    conditions.push(`host:${name}`);
  }
  if (mapping.pathPrefix !== "") {
    const prefix = allowed(isPathPrefix, mapping.pathPrefix);
    acls.push(`acl path:${name} path -m str -- ${prefix}`, `acl path:${name} path -m beg -- ${prefix}/`);
    conditions.push(`path:${name}`);
  }
  return [...acls, `use_backend ${name} if ${conditions.join(" ")}`];
}

function renderNameRoute(mapping: Mapping): readonly string[] {
  const name = allowed(isWord, mapping.name);
  const hosts = mapping.hostnames.map((hostname) => allowed(isHostname, hostname));
  return [
    ...hosts.map((host) => `acl sni:${name} req.ssl_sni,lower -m str -- ${host}`),
    `use_backend ${name} if sni:${name}`,
  ];
}
