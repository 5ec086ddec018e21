import { type Backend, type Endpoint, Host, PortMapping } from "../../../provider/index.ts";
import { authority as authorityOf, certificateOf } from "../../support/certificates.ts";

// The program of docs/port-mapping.md, word for word (port-mapping.test.ts); what it takes for granted comes first.
const edge = new Host("edge", { connection: { host: "192.0.2.10", hostKey: "ssh-ed25519 AAAA" } });
const { certificate, privateKey } = certificateOf("docs");
const authority = authorityOf();
const community = "not-public";
const backends: Backend[] = [
  { address: "10.0.0.4", hostPort: 8080 },
  { address: "10.0.0.5", hostPort: 8080 },
];
const endpoints: Endpoint[] = ["10.0.0.4", "10.0.0.5"].map((address) => ({
  name: `web.http.${address}`,
  protocol: "tcp",
  address,
  hostPort: 20128,
  jailPort: 80,
  responder: { hostPort: 20127 },
}));

new PortMapping("site", { connection: edge, bindPort: 80, mode: "http", backends: endpoints });

new PortMapping("database", { connection: edge, bindPort: 3306, backends });

new PortMapping("names", { connection: edge, bindPort: 53, mode: "udp", engine: "nftables", backends });
new PortMapping("mail", { connection: edge, bindPort: 25, engine: "nftables", backends });

const tls = { certificates: [{ certificate, privateKey }] };

new PortMapping("shop", { connection: edge, bindPort: 443, mode: "http", hostnames: ["shop.example"], tls, backends });
new PortMapping("wiki", {
  connection: edge,
  bindPort: 443,
  mode: "http",
  hostnames: ["wiki.example"],
  tls: { ...tls, minVersion: "TLSv1.3", alpn: ["http/1.1"] },
  backends,
});

new PortMapping("staff", {
  connection: edge,
  bindPort: 8443,
  mode: "http",
  tls: { ...tls, clientCa: authority },
  backends,
});

new PortMapping("imap", { connection: edge, bindPort: 993, hostnames: ["imap.example"], backends });

new PortMapping("to-https", {
  connection: edge,
  bindPort: 80,
  mode: "http",
  hostnames: ["shop.example", "wiki.example"],
  redirectToHttps: true,
  backends: [],
});

new PortMapping("api", {
  connection: edge,
  bindPort: 443,
  mode: "http",
  hostnames: ["shop.example"],
  pathPrefix: "/api",
  tls,
  backends: endpoints,
});

new PortMapping("smtp", {
  connection: edge,
  bindPort: 587,
  clientAddress: "proxy-v2",
  acceptProxyFrom: ["192.0.2.0/24"],
  backends,
});

new PortMapping("weighted", {
  connection: edge,
  bindPort: 8001,
  mode: "http",
  backends: [
    { address: "10.0.0.4", hostPort: 80, weight: 100 },
    { address: "10.0.0.5", hostPort: 80, weight: 40 },
  ],
});
new PortMapping("by-load", { connection: edge, bindPort: 8002, mode: "http", weights: "load", backends: endpoints });

const snmp = { community };

new PortMapping("by-snmp", { connection: edge, bindPort: 8010, mode: "http", weights: { snmp }, backends });

new PortMapping("basket", { connection: edge, bindPort: 8003, mode: "http", affinity: "cookie", backends });
new PortMapping("chat", { connection: edge, bindPort: 8004, affinity: "source", backends });
new PortMapping("cache", { connection: edge, bindPort: 8005, mode: "http", balance: "source", backends });

new PortMapping("checked", {
  connection: edge,
  bindPort: 8006,
  mode: "http",
  healthCheck: { path: "/health", expectStatus: "200-299", interSeconds: 1, rise: 2, fall: 3 },
  backends,
});

new PortMapping("bounded", {
  connection: edge,
  bindPort: 8007,
  mode: "http",
  limits: { connections: 2000, connectionsPerAddress: 100, requestsPerSecondPerAddress: 50 },
  backends,
});

new PortMapping("patient", {
  connection: edge,
  bindPort: 8008,
  mode: "http",
  timeouts: { connectSeconds: 2, clientSeconds: 60, serverSeconds: 300 },
  backends,
});

new PortMapping("drained", {
  connection: edge,
  bindPort: 8009,
  mode: "http",
  drainSeconds: 120,
  backends: [
    { address: "10.0.0.4", hostPort: 80 },
    { address: "10.0.0.5", hostPort: 80, state: "drain" },
  ],
});

new PortMapping("figures", { connection: edge, bindPort: 8404, backends: "statistics" });
