import { Config } from "@pulumi/pulumi";
import { Host, Jail, JailedService } from "pulumi-jail";

const config = new Config();

/** Plugins and message locales are not in the jail unless they are asked for, such as `/usr/share/mysql/french`. */
const include = config.getObject<string[]>("include") ?? [];

const server = new Jail("mysql", {
  connection: Host.fromConfig("db"),
  packages: ["mysql-server"],
  unit: "mysql.service",
  // No stable release of Debian has it: it is taken from another one, beside which the host stays as it is.
  source: { suite: "sid" },
  files: { "/etc/mysql/mysql.conf.d/90-jail.cnf": { content: "[mysqld]\nskip-name-resolve\n" } },
  include,
});

/** The first account, from which others are made. Run at each start, so that a new password is in force after an `up`. */
const firstAccount = config.requireSecret("password").apply((password) => {
  const account = `'admin'@'%' IDENTIFIED BY '${password.replace(/['\\]/g, "\\$&")}'`;
  return `CREATE USER IF NOT EXISTS ${account};\nALTER USER ${account};\nGRANT ALL ON *.* TO 'admin'@'%' WITH GRANT OPTION;\n`;
});

const db = new JailedService("db", {
  jail: server,
  ports: { mysql: 3306 },
  // It begins with what the packages put there; from then on the data is the service's own, whatever generation runs.
  volumes: { data: { jailPath: "/var/lib/mysql" } },
  credentials: { "init.sql": firstAccount },
  // biome-ignore lint/suspicious/noTemplateCurlyInString: systemd knows where credentials are, at each start anew
  execStart: ["/usr/sbin/mysqld", "--init-file=${CREDENTIALS_DIRECTORY}/init.sql"],
});

export const mysql = db.endpoints.mysql;
export const unitName = db.unitName;
export const uid = db.uid;
export const jailBytes = server.bytes;
