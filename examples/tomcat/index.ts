import { readFileSync } from "node:fs";
import { Config } from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

const config = new Config();

/** Another system that the application calls by HTTPS; a company's own authority signed its certificate. */
const partner = config.getObject<{ url: string; egress: string; authority: string }>("partner");

/** A Java run-time of just the modules below, in place of Debian's whole one: 77 MB in all instead of 197 MB. */
const isSlim = config.getBoolean("slimJava") ?? false;
const modules = [
  ...["java.compiler", "java.desktop", "java.instrument", "java.management", "java.naming", "java.rmi", "java.sql"],
  ...["java.security.jgss", "jdk.crypto.ec", "jdk.unsupported"],
];
const slimming = `jlink --output /opt/java --add-modules ${modules} --compress 2 --strip-java-debug-attributes
cp --remove-destination /etc/ssl/certs/java/cacerts /opt/java/lib/security/cacerts
`;

const tomcat = new Jail("tomcat", {
  connection: Host.fromConfig("app"),
  packages: ["tomcat10", isSlim ? "default-jdk-headless" : "default-jre-headless"],
  unit: "tomcat10.service",
  files: {
    "/var/lib/tomcat10/webapps/ROOT/trace.jsp": {
      content: readFileSync(new URL("trace.jsp", import.meta.url), "utf8"),
    },
    ...(partner && { "/usr/local/share/ca-certificates/partner.crt": { content: partner.authority } }),
    ...(isSlim && {
      "/etc/systemd/system/tomcat10.service.d/java.conf": { content: "[Service]\nEnvironment=JAVA_HOME=/opt/java\n" },
    }),
  },
  // Runs in the build root, where these programs are; what they make gets into the jail, they do not.
  prepare: (partner ? "update-ca-certificates\n" : ":\n") + (isSlim ? slimming : ""),
  discovery: { probe: { jailPort: 8080, type: "http", path: "/trace.jsp" } },
});

const app = new JailedService("app", {
  jail: tomcat,
  ports: { http: 8080 },
  // An application is deployed by putting it there: /var/lib/pulumi-jail/volumes/app.webapps on the host.
  volumes: { webapps: { jailPath: "/var/lib/tomcat10/webapps" } },
  environment: partner ? { PARTNER_URL: partner.url } : {},
  egress: partner ? [partner.egress] : "none",
});

export const http = app.endpoints.http;
export const unitName = app.unitName;
export const jailBytes = tomcat.bytes;
