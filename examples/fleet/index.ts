import { Config } from "@pulumi/pulumi";
import { Host, JailedServiceFleet, PortMappingFleet } from "pulumi-jail";

const config = new Config();
const hosts = (names: string) => config.requireObject<string[]>(names).map((name) => Host.fromConfig(name));

/** Two replicas per host at most, as many in each rack; a change begins with one of them. */
const web = new JailedServiceFleet("web", {
  hosts: hosts("webHosts"),
  replicas: config.getNumber("replicas"),
  placement: { maxPerHost: 2, spreadBy: "rack" },
  packages: ["apache2"],
  unit: "apache2.service",
  files: { "/var/www/html/index.html": { content: config.get("page") ?? "<h1>Hello from a fleet</h1>\n" } },
  ports: { http: 80 },
  rollout: {
    canary: 1,
    batch: "50%",
    pauseSeconds: 5,
    // The site as its clients see it: a member after whose switch it fails goes back by itself.
    gate: { url: config.require("gateUrl"), samples: 10 },
  },
});

const site = new PortMappingFleet("site", {
  edges: hosts("edges"),
  bindPort: 80,
  mode: "http",
  backends: web.endpoints.http,
});

export const url = site.url;
export const generations = web.generations;
