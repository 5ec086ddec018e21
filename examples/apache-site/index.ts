import { readdirSync, readFileSync } from "node:fs";
import { Config } from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

const config = new Config();
const file = (path: string) => ({ content: readFileSync(new URL(path, import.meta.url), "utf8") });

/** Modules are switched on by files in mods-enabled, as `a2enmod ssl` does it. */
const enabled = Object.fromEntries(
  ["ssl.load", "ssl.conf", "socache_shmcb.load"].map((name) => [
    `/etc/apache2/mods-enabled/${name}`,
    { content: `Include mods-available/${name}\n` },
  ]),
);

const downloads = readdirSync(new URL("pages/downloads", import.meta.url)).map((name) => [
  `/var/www/site/downloads/${name}`,
  file(`pages/downloads/${name}`),
]);

const apache = new Jail("site", {
  connection: Host.fromConfig("web"),
  packages: ["apache2"],
  unit: "apache2.service",
  files: {
    ...enabled,
    "/etc/apache2/sites-enabled/site.conf": file("site.conf"),
    "/etc/apache2/site-common.conf": file("site-common.conf"),
    "/var/www/site/index.html": file("pages/index.html"),
    ...Object.fromEntries(downloads),
  },
  // A listing shows an icon for each kind of file; the traced start needs none of them.
  include: ["/usr/share/apache2/icons"],
});

const site = new JailedService("site", {
  jail: apache,
  ports: { http: 80, https: 443 },
  // A jail's tree is for all to read, so what is secret belongs to the service.
  credentials: { certificate: config.require("certificate"), privateKey: config.requireSecret("privateKey") },
});

export const http = site.endpoints.http;
export const https = site.endpoints.https;
export const unitName = site.unitName;
