import type { VirtualAddress } from "../keepalived/configuration.ts";

/** One mapping as the proxy needs it: what a fragment on the edge holds besides its owner. Everything is known and allowed (allowed.ts). */
export interface Mapping {
  readonly name: string;
  /** An address of the edge, or "*". */
  readonly bindAddress: string;
  readonly bindPort: number;
  readonly mode: "http" | "tcp";
  /** Host headers that are its own, in lower case; none: all that no other mapping of the bind has. */
  readonly hostnames: readonly string[];
  /** Begins with "/", without a slash at the end; "" for all paths. */
  readonly pathPrefix: string;
  readonly balance: "leastconn" | "roundrobin" | "random" | "source";
  readonly httpReuse: "never" | "safe";
  readonly clientAddress: "forwarded" | "proxy-v2" | "none";
  /** CIDRs whose connections to the edge begin with a PROXY header. */
  readonly acceptProxyFrom: readonly string[];
  readonly healthCheck: ServerCheck;
  readonly drainSeconds: number;
  readonly timeouts: {
    readonly connectSeconds: number;
    readonly clientSeconds: number;
    readonly serverSeconds: number;
  };
  readonly servers: readonly Server[];
  /** Absent: as configured; with "snmp" those without a responder of ours are asked by their snmpd. */
  readonly weights?: "load" | "snmp";
  /** Absent: not terminated here. */
  readonly tls?: MappingTls;
  /** Every request is answered with the same address over https. */
  readonly redirectToHttps?: true;
  /** Absent: none. */
  readonly affinity?: "cookie" | "source";
  readonly limits?: Limits;
  /** Servers named `etcd:..` are a watcher's, who tells them to the running proxy (port-mapping/watch.ts). */
  readonly backendsFrom?: "etcd";
  /** The proxy answers by itself: its statistics page, and its figures for Prometheus at /metrics. */
  readonly serves?: "statistics";
  /** Held by keepalived; nothing of it stands in the proxy's configuration. */
  readonly virtualAddress?: VirtualAddress;
}

/** How the proxy ends TLS; the keys lie in files of their own (certificates.ts) and never in a fragment. */
export interface MappingTls {
  readonly certificates: readonly CertificateMark[];
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
  /** Protocols that the proxy offers, best first. */
  readonly alpn: readonly string[];
  /** Who signs certificates of clients, in PEM; with it a client without one is refused. */
  readonly clientCa?: string;
}

/** What tells one certificate from another, on disk and in the running proxy. */
export interface CertificateMark {
  /** sha256 of the file with certificate and key. */
  readonly sha256: string;
  /** SHA-1 of the certificate, as `show ssl cert` has it: 40 hex digits. */
  readonly fingerprint: string;
  /** The names for which it is served: the mapping's hostnames that it covers; of a mapping without hostnames its own. */
  readonly names: readonly string[];
}

/** Beyond these a request is answered 429 (of one address) or 503 (of all); a tcp connection is closed. */
export interface Limits {
  readonly connections?: number;
  readonly connectionsPerAddress?: number;
  readonly requestsPerSecondPerAddress?: number;
}

/** A server line. Its settings beside these five are the mapping's, so that `add server` and the file always agree. */
export interface Server {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** 0 to 256; 0 and state "drain" are one and the same to the proxy. */
  readonly weight: number;
  readonly state: "ready" | "drain" | "maint";
  /** The responder of its host: its port, and what it is asked (agent.ts). Absent: nobody is asked. */
  readonly agent?: { readonly port: number; readonly send: string };
}

export interface ServerCheck {
  readonly type: "http" | "tcp";
  /** http only. */
  readonly path?: string;
  /** http only: `200-399`. */
  readonly expectStatus?: string;
  readonly interSeconds: number;
  readonly rise: number;
  readonly fall: number;
}

/** Whether a running server is the watcher's, and so neither drift nor to be removed. */
export function isWatched(mapping: Mapping, name: string): boolean {
  return mapping.backendsFrom === "etcd" && name.startsWith("etcd:");
}

/** `10.0.0.4:80`, `[2001:db8::4]:80`. */
export function renderAddress(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** The weight that the proxy is given: a server that drains by declaration has weight 0 in the file and at run time. */
export function effectiveWeight(server: Server): number {
  return server.state === "drain" ? 0 : server.weight;
}
