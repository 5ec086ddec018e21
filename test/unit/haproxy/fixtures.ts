import type { Mapping, Server } from "../../../provider/haproxy/mapping.ts";

export function server(change: Partial<Server> = {}): Server {
  return { name: "web1", address: "10.0.0.4", port: 20128, weight: 100, state: "ready", ...change };
}

export function mapping(change: Partial<Mapping> = {}): Mapping {
  return {
    name: "site",
    bindAddress: "*",
    bindPort: 80,
    mode: "http",
    hostnames: [],
    pathPrefix: "",
    balance: "leastconn",
    httpReuse: "never",
    clientAddress: "forwarded",
    acceptProxyFrom: [],
    healthCheck: { type: "tcp", interSeconds: 2, rise: 2, fall: 3 },
    drainSeconds: 30,
    timeouts: { connectSeconds: 5, clientSeconds: 30, serverSeconds: 30 },
    servers: [server(), server({ name: "web2", address: "10.0.0.5" })],
    ...change,
  };
}
