import type { ProtocolName } from "./protocols/index.ts";

/** One row of the table: a packaged daemon, by package and unit name. */
export interface PackagedService {
  /** What the command line and the table call it. */
  readonly name: string;
  readonly kind: string;
  /** The package, or several where the daemon's own package is nothing without another. */
  readonly packages: readonly string[];
  readonly unit: string;
  readonly ports: Readonly<Record<string, ServicePort>>;
  /** Why it can't run in a jail as it is packaged, where that is known. */
  readonly cannot?: string;
  /** Site configuration without which the daemon does nothing at all; with `why`, which the table shows. */
  readonly files?: Readonly<Record<string, string>>;
  readonly why?: string;
  /** The suite that it comes from, where the host's own has no such daemon. */
  readonly suite?: string;
}

/** A port with the protocol that proves it. */
export type ServicePort = { readonly speaks: ProtocolName } & (
  | { readonly jailPort: number; readonly protocol?: "udp" }
  | { readonly socket: string }
);

/** All rows; Apache is first, as the others' times are told as ratios to its. */
export const services: readonly PackagedService[] = [
  row("apache2", "web server", "apache2", "apache2.service", { http: tcp(80, "http") }),
  row("nginx", "web server", "nginx", "nginx.service", { http: tcp(80, "http") }),
  row("lighttpd", "web server", "lighttpd", "lighttpd.service", { http: tcp(80, "http") }),
  row("caddy", "web server, Go", "caddy", "caddy.service", { http: tcp(80, "http") }),
  row("haproxy", "proxy", "haproxy", "haproxy.service", { http: tcp(80, "http") }, "it has no frontend of its own", {
    "/etc/haproxy/haproxy.cfg": "defaults\n  mode http\n  timeout client 5s\nfrontend here\n  bind :80\n",
  }),
  row("squid", "proxy and cache", "squid", "squid.service", { proxy: tcp(3128, "http") }),
  row("tinyproxy", "proxy", "tinyproxy", "tinyproxy.service", { proxy: tcp(8888, "http") }),
  {
    ...row("varnish", "cache", "varnish", "varnish.service", { http: tcp(6081, "http") }),
    cannot: "its unit asks for a jail of its own (-j unix), which wants to be root and have a second uid",
  },
  row("memcached", "cache", "memcached", "memcached.service", { cache: tcp(11211, "memcached") }),
  row("redis", "database", "redis-server", "redis-server.service", { redis: tcp(6379, "redis") }),
  row("mariadb", "database", "mariadb-server", "mariadb.service", { db: tcp(3306, "mysql") }),
  row("postgresql", "database", "postgresql", "postgresql@15-main.service", { db: tcp(5432, "postgres") }),
  row("etcd", "database, Go", "etcd-server", "etcd.service", { client: tcp(2379, "http") }),
  row("rabbitmq", "queue, Erlang", "rabbitmq-server", "rabbitmq-server.service", { amqp: tcp(5672, "amqp") }),
  row("mosquitto", "queue", "mosquitto", "mosquitto.service", { mqtt: tcp(1883, "mqtt") }),
  row("beanstalkd", "queue", "beanstalkd", "beanstalkd.service", { queue: tcp(11300, "beanstalk") }),
  row("nats", "queue, Go", "nats-server", "nats-server.service", { nats: tcp(4222, "nats") }),
  row("gearman", "queue", "gearman-job-server", "gearman-job-server.service", { jobs: tcp(4730, "gearman") }),
  row("bind9", "name server", "bind9", "named.service", dns()),
  row("unbound", "name server", "unbound", "unbound.service", dns()),
  row("dnsmasq", "name server", "dnsmasq", "dnsmasq.service", dns(), "as packaged it answers its own subnet only", {
    "/etc/dnsmasq.d/here.conf": "interface=eth0\n",
  }),
  row("knot", "name server", "knot", "knot.service", dns(), "as packaged it listens nowhere", {
    "/etc/knot/knot.conf": "server:\n  listen: 0.0.0.0@53\n",
  }),
  row("nsd", "name server", "nsd", "nsd.service", dns()),
  row("pdns", "name server", ["pdns-server", "pdns-backend-bind"], "pdns.service", dns()),
  {
    ...row("pdns-recursor", "name server, C++ and Rust", "pdns-recursor", "pdns-recursor.service", dns()),
    suite: "trixie",
    files: { "/etc/powerdns/recursor.d/here.yml": "incoming:\n  listen: [0.0.0.0]\n  allow_from: [0.0.0.0/0]\n" },
    why: "as packaged it answers its own host only",
  },
  {
    ...row("postfix", "mail", "postfix", "postfix@-.service", { smtp: tcp(25, "smtp") }),
    cannot: "its master has to be root: it starts each part of it as another user",
  },
  row("exim4", "mail", "exim4-daemon-light", "exim4.service", { smtp: tcp(25, "smtp") }),
  {
    ...row("dovecot", "mail", "dovecot-imapd", "dovecot.service", { imap: tcp(143, "imap") }),
    cannot: "its master has to be root: it starts each part of it as another user",
  },
  row("postgrey", "mail, Perl", "postgrey", "postgrey.service", { policy: tcp(10023, "postgrey") }),
  row("php-fpm", "interpreter, PHP", "php8.2-fpm", "php8.2-fpm.service", {
    fpm: { socket: "/run/php/php8.2-fpm.sock", speaks: "fastcgi" },
  }),
  row("radicale", "interpreter, Python", "radicale", "radicale.service", { http: tcp(5232, "http") }),
  row("prosody", "chat, Lua", "prosody", "prosody.service", { xmpp: tcp(5222, "xmpp") }),
  row("ngircd", "chat", "ngircd", "ngircd.service", { irc: tcp(6667, "irc") }),
  row("tomcat10", "JVM", "tomcat10", "tomcat10.service", { http: tcp(8080, "http") }),
  row("zookeeper", "JVM", "zookeeperd", "zookeeper.service", { client: tcp(2181, "zookeeper") }),
  row("prometheus", "monitoring, Go", "prometheus", "prometheus.service", { http: tcp(9090, "http") }),
  row("node-exporter", "monitoring, Go", "prometheus-node-exporter", "prometheus-node-exporter.service", {
    http: tcp(9100, "http"),
  }),
  row(
    "munin-node",
    "monitoring, Perl",
    "munin-node",
    "munin-node.service",
    { munin: tcp(4949, "munin") },
    "as packaged it answers its own host only",
    {
      "/etc/munin/munin-node.conf":
        "log_level 4\nlog_file /var/log/munin/munin-node.log\npid_file /run/munin/munin-node.pid\nuser root\ngroup root\nsetsid 1\nhost *\nport 4949\ncidr_allow 0.0.0.0/0\n",
    },
  ),
  row("snmpd", "monitoring", "snmpd", "snmpd.service", { snmp: udp(161, "snmp") }),
  row("slapd", "directory", "slapd", "slapd.service", { ldap: tcp(389, "ldap") }),
  {
    ...row("openssh", "remote login", "openssh-server", "ssh.service", { ssh: tcp(22, "ssh") }),
    cannot: "it has to be root, as it becomes the user of each login; and a jail never holds the host's private keys",
  },
  {
    ...row("vsftpd", "files", "vsftpd", "vsftpd.service", { ftp: tcp(21, "ftp") }),
    cannot: "it has to be started as root, as it becomes the user of each login",
  },
  row("proftpd", "files", "proftpd-core", "proftpd.service", { ftp: tcp(21, "ftp") }),
  row("pure-ftpd", "files", "pure-ftpd", "pure-ftpd.service", { ftp: tcp(21, "ftp") }),
  {
    ...row("tftpd", "files", "tftpd-hpa", "tftpd-hpa.service", { tftp: udp(69, "tftp") }),
    cannot: "a transfer answers from a port of its own, which no map of ports leads back",
  },
  row("rsync", "files", "rsync", "rsync.service", { rsync: tcp(873, "rsync") }, "its unit asks for the file", {
    "/etc/rsyncd.conf": "use chroot = no\n[srv]\npath = /srv\n",
  }),
  row("cups", "printing, sockets from systemd", "cups-daemon", "cups.service", { ipp: tcp(631, "http") }),
  row("journal-gatewayd", "logs, sockets from systemd", "systemd-journal-remote", "systemd-journal-gatewayd.service", {
    http: tcp(19531, "http"),
  }),
  row("dicod", "dictionary", "dicod", "dicod.service", { dict: tcp(2628, "dict") }),
  row("binkd", "FidoNet mailer", "binkd", "binkd.service", { binkp: tcp(24554, "binkp") }),
  {
    ...row("parsec", "key store, Rust", "parsec-service", "parsec.service", {
      parsec: { socket: "/run/parsec/parsec.sock", speaks: "parsec" },
    }),
    suite: "trixie",
  },
  row("icecast2", "media", "icecast2", "icecast2.service", { http: tcp(8000, "http") }),
  row("tor", "network", "tor", "tor@default.service", { socks: tcp(9050, "socks") }),
  {
    ...row("chrony", "network", "chrony", "chrony.service", { ntp: udp(123, "ntp") }),
    cannot: "it sets the machine's clock (CAP_SYS_TIME), which no jail may",
  },
];

function row(
  name: string,
  kind: string,
  packages: string | readonly string[],
  unit: string,
  ports: PackagedService["ports"],
  why?: string,
  files?: PackagedService["files"],
): PackagedService {
  return {
    name,
    kind,
    packages: typeof packages === "string" ? [packages] : packages,
    unit,
    ports,
    ...(why === undefined ? {} : { why }),
    ...(files === undefined ? {} : { files }),
  };
}

function tcp(jailPort: number, speaks: ProtocolName): ServicePort {
  return { jailPort, speaks };
}

function udp(jailPort: number, speaks: ProtocolName): ServicePort {
  return { jailPort, protocol: "udp", speaks };
}

function dns(): PackagedService["ports"] {
  return { udp: udp(53, "dns"), tcp: tcp(53, "dns-tcp") };
}
