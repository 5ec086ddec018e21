import { allowed, allowedNumber, isAddress, isCidr, isHostname, isPathPrefix, isWord } from "./allowed.ts";
import { type Mapping, renderAddress } from "./mapping.ts";

/** The frontends: one for each (bindAddress, bindPort), shared by the http mappings that were declared on it. */
export function renderFrontends(mappings: readonly Mapping[]): readonly (readonly string[])[] {
  const binds = new Map<string, Mapping[]>();
  for (const mapping of mappings) {
    const name = frontendName(mapping);
    binds.set(name, [...(binds.get(name) ?? []), mapping]);
  }
  return [...binds.keys()].sort().map((name) => renderFrontend(name, binds.get(name)!));
}

/** A mapping's name has no colon, so that no backend has a frontend's name. */
export function frontendName(mapping: Pick<Mapping, "bindAddress" | "bindPort">): string {
  const address = mapping.bindAddress === "*" ? "any" : allowed(isAddress, mapping.bindAddress);
  return `bind:${address}:${allowedNumber(mapping.bindPort, 1, 65535)}`;
}

function renderFrontend(name: string, sharers: readonly Mapping[]): readonly string[] {
  const first = sharers[0]!;
  const clientSeconds = Math.max(...sharers.map((mapping) => mapping.timeouts.clientSeconds));
  const proxies = [...new Set(sharers.flatMap((mapping) => mapping.acceptProxyFrom))].sort();
  return [
    `frontend ${name}`,
    `mode ${first.mode === "http" ? "http" : "tcp"}`,
    renderBind(first),
    `timeout client ${allowedNumber(clientSeconds, 1, 86400)}s`,
    ...(proxies.length > 0
      ? [
          `tcp-request connection expect-proxy layer4 if { src ${proxies.map((cidr) => allowed(isCidr, cidr)).join(" ")} }`,
        ]
      : []),
    ...(first.mode === "http" ? renderRoutes(sharers) : [`default_backend ${allowed(isWord, first.name)}`]),
  ];
}

/** `transparent` binds an address that comes late (keepalived, DHCP at boot) with CAP_NET_BIND_SERVICE alone. */
function renderBind(mapping: Mapping): string {
  const port = Number(allowedNumber(mapping.bindPort, 1, 65535));
  if (mapping.bindAddress === "*") return `bind :${port}`;
  return `bind ${renderAddress(allowed(isAddress, mapping.bindAddress), port)} transparent`;
}

/** The most particular first: a hostname before none, a longer prefix before a shorter one. */
function renderRoutes(sharers: readonly Mapping[]): readonly string[] {
  const particular = sharers
    .filter((mapping) => mapping.hostnames.length > 0 || mapping.pathPrefix !== "")
    .sort(
      (a, b) =>
        Number(b.hostnames.length > 0) - Number(a.hostnames.length > 0) ||
        b.pathPrefix.length - a.pathPrefix.length ||
        (a.name < b.name ? -1 : 1),
    );
  const fallback = sharers.find((mapping) => mapping.hostnames.length === 0 && mapping.pathPrefix === "");
  return [
    // A reload ends idle keep-alive connections only after their next answer: without it 37 of 17,682 failed.
    "option idle-close-on-response",
    ...particular.flatMap(renderRoute),
    ...(fallback ? [`default_backend ${allowed(isWord, fallback.name)}`] : []),
  ];
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
