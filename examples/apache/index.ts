import { Host, Jail, JailedService, PortMapping } from "pulumi-jail";

const backends = ["web1", "web2"].map((name) => {
  const apache = new Jail(`apache-${name}`, {
    connection: Host.fromConfig(name),
    packages: ["apache2"],
    unit: "apache2.service",
    files: { "/var/www/html/index.html": { content: `<h1>Hello from ${name}</h1>\n` } },
  });
  return new JailedService(`web-${name}`, { jail: apache, ports: { http: 80 } }).endpoints.http;
});

const site = new PortMapping("site", { connection: Host.fromConfig("edge"), bindPort: 80, mode: "http", backends });

export const url = site.url;
