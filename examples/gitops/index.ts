import { readFileSync } from "node:fs";
import { Config } from "@pulumi/pulumi";
import { Host, JailedServiceFleet } from "pulumi-jail";
import { requireNewest } from "./newest.ts";

requireNewest();

const config = new Config();
const file = (path: string) => ({ content: readFileSync(new URL(path, import.meta.url), "utf8") });

const web = new JailedServiceFleet("web", {
  hosts: config.requireObject<string[]>("webHosts").map((name) => Host.fromConfig(name)),
  packages: ["apache2"],
  unit: "apache2.service",
  files: { "/var/www/html/index.html": file("index.html"), "/etc/apache2/conf-enabled/site.conf": file("site.conf") },
  ports: { http: 80 },
  // In the repository it is ciphertext: `pulumi config set --secret token`.
  credentials: { token: config.requireSecret("token") },
  rollout: { canary: 1, batch: "50%", pauseSeconds: config.getNumber("pauseSeconds") ?? 10 },
});

export const endpoints = web.endpoints.http;
