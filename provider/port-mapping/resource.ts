import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
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
  /** An address of the edge, which may come later than HAProxy; default "*": all of IPv4, as public ones are often NATed. */
  bindAddress?: Input<string>;
  /** Default "tcp". "udp" is not in this version. */
  mode?: Input<"http" | "tcp">;
  /** Default "haproxy", the only one of this version. */
  engine?: Input<"haproxy">;
  /** Endpoints of jailed services, or addresses; at least one. Changed by the runtime API, HAProxy's PID kept. */
  backends: Input<Input<Endpoint | Backend>[]>;
  /** http: the Host headers that are this mapping's; default: all that no other mapping of the bind has. */
  hostnames?: Input<Input<string>[]>;
  /** http: the paths that are this mapping's, in whole parts: "/api" is not "/apiary"; default all. */
  pathPrefix?: Input<string>;
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
   */
  weights?: Input<"configured" | "load">;
  /**
   * How backends learn the client's address: "forwarded" sets X-Forwarded-For and -Proto (http's default; what a client
   * claims there is overwritten), "proxy-v2" sends the PROXY protocol, "none" is tcp's default.
   */
  clientAddress?: Input<"forwarded" | "proxy-v2" | "none">;
  /** CIDRs of load balancers before the edge, whose connections begin with a PROXY header; default none. */
  acceptProxyFrom?: Input<Input<string>[]>;
  /** How the edge asks the backends; default: the endpoints' own check (of "exec" only that the port answers), else tcp. */
  healthCheck?: Input<HealthCheck>;
  /** Seconds that a backend which goes may take for what is under way; default 30. */
  drainSeconds?: Input<number>;
  /** In seconds; defaults 5, 30 and 30. On a shared bind the longest `clientSeconds` holds. */
  timeouts?: Input<{
    connectSeconds?: Input<number>;
    clientSeconds?: Input<number>;
    serverSeconds?: Input<number>;
  }>;
}

/**
 * A port on an edge that leads to backends by HAProxy: in a unit and a jail of ours, shared by the mappings of all
 * stacks. The first mapping brings it up, the last takes it down; the distribution's own haproxy.service is left alone.
 */
export class PortMapping extends JailResource {
  /** The name on the edge. */
  declare readonly mappingName: Output<string>;
  /** `http://ADDRESS/` or `tcp://ADDRESS:PORT`, known in a preview. */
  declare readonly url: Output<string>;
  /** How the last change reached the running proxy, and what its clients saw of it. */
  declare readonly lastChange: Output<LastChange>;
  /** systemd-analyze(1) security's score of the edge's HAProxy: 10 is worst, 0 best. */
  declare readonly exposure: Output<number>;

  constructor(name: string, args: PortMappingArgs, options?: CustomResourceOptions) {
    const { address } = connectionInputs(args.connection);
    const outputs = ["mappingName", "url", "lastChange", "exposure"];
    super(portMappingShim, "PortMapping", name, { ...args, address }, outputs, options);
  }
}
