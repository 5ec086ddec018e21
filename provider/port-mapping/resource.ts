import { type CustomResourceOptions, type Input, Output, secret } from "@pulumi/pulumi";
import { type ConnectionArgs, connectionInputs, type Host } from "../connection/resource.ts";
import { JailResource } from "../dynamic/resource.ts";
import { portMappingShim } from "../dynamic/shim.ts";
import type { Endpoint, HealthCheck } from "../ports/endpoint.ts";
import type { LastChange } from "./inputs.ts";

/** A server that no jail of ours runs. */
export interface Backend {
  /** An IP address. A change is a move by the runtime API, HAProxy's PID kept. */
  address: Input<string>;
  /** The port on that host. */
  hostPort: Input<number>;
  /** What HAProxy calls it, 1 to 64 of A-Z, a-z, 0-9 and "_.:-", unique in the mapping; default `ADDRESS:PORT`. */
  name?: Input<string>;
  /** Its share beside the others, 0 to 256; default 100. Changed by the runtime API. */
  weight?: Input<number>;
  /** "drain" takes no new sessions, "maint" none at all; default "ready". Changed by the runtime API. */
  state?: Input<"ready" | "drain" | "maint">;
}

/** Certificates are inputs: from files, or from the tls, acme and vault providers. */
export interface TlsArgs {
  /**
   * Each with its key; which one a client gets goes by the name that it asks for (SNI), else the first. New content reaches
   * the running proxy by the runtime API, its PID kept; another number of them by a reload.
   */
  certificates: Input<Input<CertificateArgs>[]>;
  /** Default "TLSv1.2". */
  minVersion?: Input<"TLSv1.2" | "TLSv1.3">;
  /** Protocols to offer, best first; default "h2", "http/1.1" in http, none in tcp. */
  alpn?: Input<Input<"h2" | "http/1.1">[]>;
  /** PEM of the authorities that sign clients' certificates; who has none is refused. Such a mapping shares its bind with none. */
  clientCa?: Input<string>;
}

export interface CertificateArgs {
  /** PEM; the leaf first, then its chain. */
  certificate: Input<string>;
  /** PEM, not encrypted; made secret. On the edge it is readable by root and the proxy only. */
  privateKey: Input<string>;
}

/** How hosts that run snmpd and nothing of ours are asked for their load. */
export interface SnmpArgs {
  /** Made secret. On the edge it is readable by root and the proxy's user only. */
  community: Input<string>;
  /** Default 161, udp. */
  port?: Input<number>;
}

/**
 * A public port on an edge. What is not said otherwise changes by a reload of HAProxy without loss; a backend that goes
 * is drained first.
 */
export interface PortMappingArgs {
  /** The edge. Another machine (host and hostKey) is a replacement, created first. */
  connection: Host | ConnectionArgs;
  /** Its name on the edge, `^[a-z][a-z0-9-]{0,39}$`, decided once; default: the resource's name. */
  mappingName?: Input<string>;
  /** Takes over a mapping of this name which another stack of ours made; default false. Never a diff. */
  adopt?: boolean;
  /** The public port, 1 to 65535. Several http mappings share one, told apart by `hostnames` and `pathPrefix`. */
  bindPort: Input<number>;
  /**
   * An address of the edge, which may come later than HAProxy; default "*": all of IPv4, as public ones are often NATed.
   * Engine "nftables": one of the host's own, default the Host's.
   */
  bindAddress?: Input<string>;
  /** Default "tcp". "udp" needs engine "nftables". */
  mode?: Input<"http" | "tcp" | "udp">;
  /**
   * Default "haproxy". "nftables": the kernel forwards tcp or udp without a proxy, at the cost of a packet filter's rule. Each
   * new connection draws a backend by weight and stays with it; no health check, no drain: one that is gone is drawn all the
   * same. Jails of the same host see the client's address, other hosts the edge's. A change is one transaction and ends no
   * connection; a change of engine is one too, but what goes through HAProxy is drained.
   */
  engine?: Input<"haproxy" | "nftables">;
  /**
   * Endpoints of jailed services, or addresses; at least one, but for `redirectToHttps`, which has none. Changed by the runtime API,
   * HAProxy's PID kept. "statistics": the proxy answers itself, with its statistics page (read only, of all mappings of the
   * edge) and with figures for Prometheus at /metrics; `bindAddress` is then 127.0.0.1 unless given.
   */
  backends: Input<Input<Endpoint | Backend>[]> | "statistics";
  /**
   * Servers that appear and vanish without `pulumi up`: each key below `prefix` is one, `{"address", "port", "weight"}`, usually
   * under a lease (docs/etcd.md). `backends` may then be empty and are only the start. etcd away: the last state serves on.
   * Default: none.
   */
  backendsFrom?: Input<{
    etcd: Input<{
      /** `http://HOST:PORT` of the members, in any order. */
      endpoints: Input<Input<string>[]>;
      /** With a slash at the end: `/services/web/`. */
      prefix: Input<string>;
    }>;
  }>;
  /**
   * The names that are this mapping's; default: all that no other mapping of the bind has. http: Host headers. tcp: names
   * of TLS clients (SNI), whose TLS passes through to the backends as it is.
   */
  hostnames?: Input<Input<string>[]>;
  /** http: the paths that are this mapping's, in whole parts: "/api" is not "/apiary"; default all. */
  pathPrefix?: Input<string>;
  /** http: every request is answered with the same address over https (301, or 308 where the method has to stay); default false. */
  redirectToHttps?: Input<boolean>;
  /**
   * Ends TLS at the edge. Those who share a bind all have it, each its own; a client's SNI chooses by `hostnames`. Mappings of
   * one hostname give the same `minVersion` and `alpn`, else the second is refused.
   */
  tls?: Input<TlsArgs>;
  /**
   * http: "safe" keeps connections to backends for later requests, at the price that one which a backend closes while
   * idle may fail a POST; default "never".
   */
  httpReuse?: Input<"never" | "safe">;
  /** Default "leastconn". "source" keeps a client address on its backend, with consistent hashing. */
  balance?: Input<"leastconn" | "roundrobin" | "random" | "source">;
  /**
   * "load": each host of an endpoint is asked every two seconds what its load allows, 10 to 100 % of the backend's weight,
   * which the edge gets by HAProxy's agent-check; a changed `weight` is then a reload. Default "configured". Hosts of
   * endpoints are asked in any case whether a service is about to restart, where another backend can take its requests.
   * `{ snmp }`: as "load", and hosts of plain backends are asked by SNMP (2c), from the edge, for ssCpuIdle, else laLoad.1, of
   * UCD-SNMP-MIB, which their snmpd has to show. Nothing is installed on the edge.
   */
  weights?: Input<"configured" | "load" | { snmp: Input<SnmpArgs> }>;
  /**
   * Keeps a visitor on a backend. "cookie" (http): by a cookie `jail-NAME` of the proxy, which goes on over reloads. "source":
   * by the client's address, for 30 minutes after its last connection; kept over reloads, forgotten at a restart. Default "none".
   */
  affinity?: Input<"none" | "cookie" | "source">;
  /** Default none. Counted by this edge alone; at a reload rates go on, and what is under way counts in the process that has it. */
  limits?: Input<{
    /** Requests (tcp: connections) under way at once; beyond, 503 (tcp: closed). */
    connections?: Input<number>;
    /** The same of one client address; beyond, 429. */
    connectionsPerAddress?: Input<number>;
    /** http: requests in a second of one client address; beyond, 429. */
    requestsPerSecondPerAddress?: Input<number>;
  }>;
  /**
   * How backends learn the client's address: "forwarded" sets X-Forwarded-For and -Proto (http's default; what a client
   * claims there is overwritten), "proxy-v2" sends the PROXY protocol, "none" is tcp's default.
   */
  clientAddress?: Input<"forwarded" | "proxy-v2" | "none">;
  /** CIDRs of load balancers before the edge, whose connections begin with a PROXY header; default none. All who share a bind give the same. */
  acceptProxyFrom?: Input<Input<string>[]>;
  /** How the edge asks the backends; default: the endpoints' own check (of "exec" only that the port answers), else tcp. */
  healthCheck?: Input<HealthCheck>;
  /** Seconds that a backend which goes may take for what is under way; default 30. */
  drainSeconds?: Input<number>;
  /** An address that several edges with the same mapping hold in turns. Changed by a reload of keepalived. */
  virtualAddress?: Input<VirtualAddressArgs>;
  /** In seconds; defaults 5, 30 and 30. On a shared bind the longest `clientSeconds` holds. */
  timeouts?: Input<{
    connectSeconds?: Input<number>;
    clientSeconds?: Input<number>;
    serverSeconds?: Input<number>;
  }>;
}

/**
 * Held by keepalived (VRRP version 3) in a jail and a unit of ours, without root. An edge which is gone, or whose HAProxy does
 * not answer, gives the address to the next within 3 seconds; one that comes back takes it again when its HAProxy answers.
 */
export interface VirtualAddressArgs {
  /** CIDR, `192.0.2.100/24`. A new one comes before the old one goes. */
  address: Input<string>;
  /** The network device of this edge that gets the address. */
  interface: Input<string>;
  /** VRRP's number of the group, 1 to 255: the same on all its edges, and no other group's on this network. */
  routerId: Input<number>;
  /** 1 to 254, default 100: the edge with the highest that serves has the address. Of several mappings' the highest counts. */
  priority?: Input<number>;
  /** Addresses of the other edges, spoken to by unicast; default none: by multicast. */
  peers?: Input<Input<string>[]>;
}

/**
 * A port on an edge that leads to backends by HAProxy: in a unit and a jail of ours, shared by the mappings of all
 * stacks. The first mapping brings it up, the last takes it down; the distribution's own haproxy.service is left alone.
 */
export class PortMapping extends JailResource {
  /** The name on the edge. */
  declare readonly mappingName: Output<string>;
  /** `http://ADDRESS/`, `https://ADDRESS/` or `tcp://ADDRESS:PORT`, known in a preview. */
  declare readonly url: Output<string>;
  /** How the last change reached the running proxy, and what its clients saw of it. */
  declare readonly lastChange: Output<LastChange>;
  /** systemd-analyze(1) security's score of the edge's HAProxy: 10 is worst, 0 best. */
  declare readonly exposure: Output<number>;

  constructor(name: string, args: PortMappingArgs, options?: CustomResourceOptions) {
    const { address } = connectionInputs(args.connection);
    const outputs = ["mappingName", "url", "lastChange", "exposure"];
    const tls = args.tls === undefined ? {} : { tls: sealedTls(args.tls) };
    const weights = args.weights === undefined ? {} : { weights: sealedWeights(args.weights) };
    super(portMappingShim, "PortMapping", name, { ...args, address, ...tls, ...weights }, outputs, options);
  }
}

/** Keys become secrets here; of what is not known yet, all of it (law 11). */
function sealedTls(tls: Input<TlsArgs>): Input<TlsArgs> {
  if (!isPlain(tls)) return secret(tls);
  const { certificates } = tls;
  return { ...tls, certificates: Array.isArray(certificates) ? certificates.map(sealed) : secret(certificates) };
}

function sealed(one: Input<CertificateArgs>): Input<CertificateArgs> {
  return isPlain(one) ? { ...one, privateKey: secret(one.privateKey) } : secret(one);
}

type Weights = NonNullable<PortMappingArgs["weights"]>;

function sealedWeights(weights: Weights): Weights {
  if (typeof weights === "string") return weights;
  if (Output.isInstance(weights) || weights instanceof Promise) return secret(weights);
  const { snmp } = weights;
  return { snmp: isPlain(snmp) ? { ...snmp, community: secret(snmp.community) } : secret(snmp) };
}

function isPlain<Value extends object>(input: Input<Value>): input is Value {
  return !Output.isInstance(input) && !(input instanceof Promise);
}
