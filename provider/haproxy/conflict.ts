import { namesInCommon } from "./certificates.ts";
import type { Mapping } from "./mapping.ts";

/**
 * Why a mapping can't stand beside another one, or undefined. A bind is shared by http mappings only, and each request
 * must have one answer: no two may have the same hostname (or none) with the same pathPrefix (or none).
 */
export function conflictOf(mine: Mapping, other: Mapping): string | undefined {
  if (mine.name === other.name || mine.bindPort !== other.bindPort) return undefined;
  const bind = `${mine.bindAddress}:${mine.bindPort}`;
  if (mine.bindAddress !== other.bindAddress) {
    // An address of one's own beside "*" on one port: which of two sockets gets a connection is not for us to guess.
    return mine.bindAddress === "*" || other.bindAddress === "*"
      ? `bind ${bind} overlaps ${other.bindAddress}:${other.bindPort} of mapping "${other.name}"`
      : undefined;
  }
  if (!share(mine, other))
    return `bind ${bind} is taken by mapping "${other.name}" (mode ${other.mode}); only http mappings share one, and tcp mappings told apart by hostnames`;
  if (Boolean(mine.tls) !== Boolean(other.tls))
    return `bind ${bind} is ${other.tls ? "" : "not "}a TLS one by mapping "${other.name}"; all who share it have tls, or none has`;
  // A client proves who it is before it names the mapping that it wants.
  if (mine.tls?.clientCa !== undefined || other.tls?.clientCa !== undefined)
    return `bind ${bind} is mapping "${other.name}"'s too; one with tls.clientCa shares none`;
  const routes = new Set(routesOf(other));
  const clash = routesOf(mine).find((route) => routes.has(route));
  if (clash === undefined) return undefined;
  return clash === ""
    ? `bind ${bind} has its default already: mapping "${other.name}"; give hostnames or a pathPrefix`
    : `${clash} on bind ${bind} is mapping "${other.name}"'s already`;
}

/** An option that two mappings give for something which they share: a bind, or a hostname on it. */
export interface SharedOption {
  readonly option: "acceptProxyFrom" | "tls.minVersion" | "tls.alpn";
  /** `bind *:443`, `shop.example on bind *:443` */
  readonly at: string;
  readonly mine: string;
  readonly its: string;
}

/** Everything that the proxy knows only once for two mappings which may stand beside each other. */
export function sharedOptions(mine: Mapping, other: Mapping): readonly SharedOption[] {
  if (mine.name === other.name || mine.bindPort !== other.bindPort || mine.bindAddress !== other.bindAddress) return [];
  const bind = `bind ${mine.bindAddress}:${mine.bindPort}`;
  const name = namesInCommon(mine, other)[0];
  const at = name === "" ? `all other names on ${bind}` : `${name} on ${bind}`;
  return [
    {
      // A header comes before any name is known.
      option: "acceptProxyFrom",
      at: bind,
      mine: shown([...mine.acceptProxyFrom].sort()),
      its: shown([...other.acceptProxyFrom].sort()),
    },
    ...(mine.tls && other.tls && name !== undefined
      ? ([
          { option: "tls.minVersion", at, mine: mine.tls.minVersion, its: other.tls.minVersion },
          { option: "tls.alpn", at, mine: shown(mine.tls.alpn), its: shown(other.tls.alpn) },
        ] as const)
      : []),
  ];
}

/** Shared options that two mappings give differently. */
export function disagreements(mine: Mapping, other: Mapping): readonly SharedOption[] {
  return sharedOptions(mine, other).filter((option) => option.mine !== option.its);
}

/** In words. */
export function describeDisagreement({ option, at, mine, its }: SharedOption, other: Mapping): string {
  return `${at} has ${option} ${its} by mapping "${other.name}", not ${mine}; who shares it gives the same`;
}

function shown(list: readonly string[]): string {
  return list.length > 0 ? list.join(", ") : "none";
}

/** Why a port that the kernel forwards can't stand beside the proxy's, or undefined: the kernel would win. */
export function conflictsWithForward(
  mapping: Pick<Mapping, "name" | "bindAddress" | "bindPort">,
  forward: { readonly name: string; readonly protocol: string; readonly address: string; readonly bindPort: number },
): string | undefined {
  if (forward.protocol !== "tcp" || forward.bindPort !== mapping.bindPort) return undefined;
  if (mapping.bindAddress !== "*" && mapping.bindAddress !== forward.address) return undefined;
  return `bind ${mapping.bindAddress}:${mapping.bindPort} of mapping "${mapping.name}" and forwarded port ${forward.address}:${forward.bindPort} of mapping "${forward.name}" overlap`;
}

function share(mine: Mapping, other: Mapping): boolean {
  if (mine.mode !== other.mode) return false;
  if (mine.mode === "http") return true;
  return !mine.tls && !other.tls && mine.hostnames.length + other.hostnames.length > 0;
}

function routesOf(mapping: Mapping): readonly string[] {
  const hosts = mapping.hostnames.length > 0 ? mapping.hostnames : [""];
  return hosts.map((host) => `${host}${mapping.pathPrefix}`);
}
