import { readFileSync } from "node:fs";
import { Config } from "@pulumi/pulumi";
import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";

const config = new Config();

/** Which host each tier is on: all may be on one. */
const tiers = config.requireObject<Record<"edge" | "web" | "app" | "database", string>>("tiers");
const databasePassword = config.requireSecret("databasePassword");
const file = (path: string) => ({ content: readFileSync(new URL(path, import.meta.url), "utf8") });

/** Debian's stable releases have no MySQL, so that comes from another: on the same hosts, beside what they are. */
const servers = {
  mariadb: { packages: ["mariadb-server"], unit: "mariadb.service" },
  mysql: { packages: ["mysql-server"], unit: "mysql.service", source: { suite: "sid" } },
};
const server = config.get<keyof typeof servers>("database") ?? "mariadb";

const databaseJail = new Jail("database", {
  connection: Host.fromConfig(tiers.database),
  ...servers[server],
  files: {
    "/etc/mysql/conf.d/shop.cnf": file("database/shop.cnf"),
    // Stands in for the service's own file of this name: a jail is no place for a password.
    "/etc/mysql/shop.sql": { content: "SELECT 1;\n" },
  },
});
const database = new JailedService("database", {
  jail: databaseJail,
  ports: { sql: 3306 },
  volumes: { data: { jailPath: "/var/lib/mysql", volumeName: `shop-${server}` } },
  configFiles: { "/etc/mysql/shop.sql": { content: databasePassword.apply(schema) } },
});

const appJail = new Jail("app", {
  connection: Host.fromConfig(tiers.app),
  packages: ["tomcat10", "default-jre-headless", "libmariadb-java"],
  unit: "tomcat10.service",
  files: { "/var/lib/tomcat10/webapps/shop/index.jsp": file("app/index.jsp") },
  prepare: "ln -s /usr/share/java/mariadb-java-client.jar /var/lib/tomcat10/lib/\n",
  discovery: { probe: { jailPort: 8080, type: "http", path: "/shop/" } },
});
const app = new JailedService("app", {
  jail: appJail,
  ports: { http: 8080 },
  connects: { database: database.endpoints.sql },
  environment: { DATABASE_URL: "jdbc:mariadb://database/shop?allowPublicKeyRetrieval=true" },
  credentials: { databasePassword },
});

const webJail = new Jail("web", {
  connection: Host.fromConfig(tiers.web),
  packages: ["apache2"],
  unit: "apache2.service",
  files: {
    "/etc/apache2/mods-enabled/proxy.load": { content: "Include mods-available/proxy.load\n" },
    "/etc/apache2/mods-enabled/proxy_http.load": { content: "Include mods-available/proxy_http.load\n" },
    "/etc/apache2/conf-enabled/shop.conf": file("web/shop.conf"),
  },
});
const web = new JailedService("web", { jail: webJail, ports: { http: 80 }, connects: { app: app.endpoints.http } });

const shop = new PortMapping("shop", {
  connection: Host.fromConfig(tiers.edge),
  bindPort: 80,
  mode: "http",
  backends: [web.endpoints.http],
});

export const url = shop.url;
export const unitNames = { web: web.unitName, app: app.unitName, database: database.unitName };
export const endpoints = { web: web.endpoints.http, app: app.endpoints.http, database: database.endpoints.sql };
export const jailBytes = { web: webJail.bytes, app: appJail.bytes, database: databaseJail.bytes };

/** Run by the server at each start, a statement a line. */
function schema(password: string): string {
  return `CREATE DATABASE IF NOT EXISTS shop;
CREATE TABLE IF NOT EXISTS shop.visits (at TIMESTAMP NOT NULL);
CREATE USER IF NOT EXISTS 'shop'@'%';
ALTER USER 'shop'@'%' IDENTIFIED BY '${password.replaceAll("\\", "\\\\").replaceAll("'", "''")}';
GRANT SELECT, INSERT ON shop.* TO 'shop'@'%';
`;
}
