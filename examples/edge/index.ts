import { Config, type Unwrap } from "@pulumi/pulumi";
import { type Backend, Host, PortMapping } from "pulumi-jail";

const config = new Config();
const connection = Host.fromConfig("edge");

/** What runs already, on whatever machines; an endpoint of a jailed service may stand beside any of them. */
const servers = config.requireObject<Record<"shop" | "api" | "mail" | "names", Unwrap<Backend>[]>>("servers");
const tls = {
  certificates: [{ certificate: config.require("certificate"), privateKey: config.requireSecret("privateKey") }],
};

/** By name, over TLS; a visitor stays on a server by a cookie, and nobody may ask more than so often. */
const shop = new PortMapping("shop", {
  connection,
  bindPort: 443,
  mode: "http",
  hostnames: ["shop.example"],
  tls,
  backends: servers.shop,
  affinity: "cookie",
  limits: { connections: 2000, requestsPerSecondPerAddress: 50 },
});

/** A part of the same name, on other servers. */
new PortMapping("api", {
  connection,
  bindPort: 443,
  mode: "http",
  hostnames: ["shop.example"],
  pathPrefix: "/api",
  tls,
  backends: servers.api,
});

/** Who forgets the s. */
new PortMapping("plain", { connection, bindPort: 80, mode: "http", redirectToHttps: true, backends: [] });

/** TLS that the mail server ends itself: the edge reads the name in it and nothing else. */
new PortMapping("mail", { connection, bindPort: 993, hostnames: ["mail.example"], backends: servers.mail });

/** DNS: the kernel forwards it, without a proxy. */
const names = new PortMapping("names", {
  connection,
  bindPort: 53,
  mode: "udp",
  engine: "nftables",
  backends: servers.names,
});

/** HAProxy's own page, and its figures for Prometheus at /metrics; on the edge's loopback, as nobody else should see them. */
const figures = new PortMapping("figures", { connection, bindPort: 8404, backends: "statistics" });

export const urls = [shop.url, names.url, figures.url];
