import { describe, expect, test } from "vitest";
import { discoverRecorded } from "./recorded.ts";

const shells = /^\/(usr\/)?bin\/(sh|dash|bash|perl.*|python.*)$/;

describe("apache2 (forking, started by a shell script, puts itself into the background)", () => {
  const { manifest, denied, report } = discoverRecorded("apache2.service");

  test("is launched without its script, with what that had set", () => {
    expect(manifest.launch).toEqual({
      unit: "apache2.service",
      type: "forking",
      argv: ["/usr/sbin/apache2", "-k", "start"],
      workingDirectory: "/",
      environment: {
        APACHE_LOCK_DIR: "/var/lock/apache2",
        APACHE_LOG_DIR: "/var/log/apache2",
        APACHE_PID_FILE: "/var/run/apache2/apache2.pid",
        APACHE_RUN_DIR: "/var/run/apache2",
        APACHE_RUN_GROUP: "www-data",
        APACHE_RUN_USER: "www-data",
        LANG: "C",
      },
      user: "root",
      group: "root",
      users: [{ name: "www-data", group: "www-data", home: "/var/www" }],
      listens: [{ protocol: "tcp", jailPort: 80 }],
      writable: [
        { path: "/run/apache2", kind: "runtime", mode: "0755" },
        { path: "/var/log/apache2", kind: "logs", mode: "0750" },
      ],
      killSignal: "SIGWINCH",
      reloadSignal: "SIGUSR1",
      writeExecuteMemory: false,
    });
  });

  test("needs at most 100 files and 6 MB, and no shell", () => {
    expect(report.files).toBeGreaterThan(60);
    expect(report.files).toBeLessThanOrEqual(100);
    expect(report.bytes).toBeLessThanOrEqual(6_000_000);
    expect(manifest.entries.filter(({ path }) => shells.test(path))).toEqual([]);
  });

  test("has every file accounted for: hash, and package or the reason that there is none", () => {
    const files = manifest.entries.filter(({ kind }) => kind === "file");
    expect(files.filter(({ sha256, why }) => sha256?.length !== 64 || why.length === 0)).toEqual([]);
    expect(files.filter((file) => file.package === undefined).map(({ path }) => path)).toEqual([
      "/var/www/html/index.html",
    ]);
  });

  test("brings what is loaded by name, links of enabled modules and the page that was asked for", () => {
    const why = Object.fromEntries(manifest.entries.map((entry) => [entry.path, entry.why]));
    expect(why["/usr/lib/x86_64-linux-gnu/libgcc_s.so.1"]).toContain(
      "fixed list: loaded when a thread is cancelled or ends",
    );
    expect(why["/etc/apache2/mods-enabled/alias.load"]).toEqual(["opened at start"]);
    expect(why["/etc/apache2/mods-enabled"]).toContain("listed directory at start");
    expect(why["/var/www/html/index.html"]).toEqual(["opened while probed"]);
  });

  test("keeps nothing out that it read", () => {
    expect(denied).toEqual([]);
  });
});

describe("mariadb (notify, a user of its own, helper commands before it)", () => {
  const { manifest, report, changed } = discoverRecorded("mariadb.service");

  test("is launched as its user, with its limit and its data directory", () => {
    expect(manifest.launch).toEqual({
      unit: "mariadb.service",
      type: "notify",
      argv: ["/usr/sbin/mariadbd"],
      workingDirectory: "/",
      environment: { _WSREP_START_POSITION: "" },
      user: "mysql",
      group: "mysql",
      users: [{ name: "mysql", group: "mysql", home: "/nonexistent" }],
      listens: [
        { protocol: "tcp", jailPort: 3306, loopback: true },
        { protocol: "unix", path: "/run/mysqld/mysqld.sock" },
      ],
      writable: [
        { path: "/run/mysqld", kind: "runtime", mode: "0755" },
        { path: "/var/lib/mysql", kind: "state", mode: "0755" },
      ],
      limitNOFILE: 32768,
      writeExecuteMemory: false,
    });
  });

  test("is known to change data that its packages made", () => {
    expect(changed).toEqual(["/var/lib/mysql"]);
    expect(discoverRecorded("haproxy.service").changed).toEqual([]);
  });

  test("has no data in its tree, and no shell", () => {
    expect(report.files).toBeLessThanOrEqual(40);
    expect(manifest.entries.filter(({ path }) => path.startsWith("/var/lib/mysql/"))).toEqual([]);
    expect(manifest.entries.filter(({ path }) => shells.test(path))).toEqual([]);
  });
});

describe("haproxy (a master that executes itself to reload, and changes its root)", () => {
  const { manifest } = discoverRecorded("haproxy.service", {
    exclude: ["/etc/ssl/certs", "/usr/share/ca-certificates"],
  });

  test("is launched as at its start", () => {
    expect(manifest.launch).toEqual({
      unit: "haproxy.service",
      type: "notify",
      argv: [
        ...["/usr/sbin/haproxy", "-Ws", "-f", "/etc/haproxy/haproxy.cfg", "-p", "/run/haproxy.pid"],
        ...["-S", "/run/haproxy-master.sock"],
      ],
      workingDirectory: "/",
      environment: {
        CONFIG: "/etc/haproxy/haproxy.cfg",
        EXTRAOPTS: "-S /run/haproxy-master.sock",
        PIDFILE: "/run/haproxy.pid",
      },
      user: "root",
      group: "root",
      users: [{ name: "haproxy", group: "haproxy", home: "/var/lib/haproxy" }],
      listens: [],
      writable: [
        { path: "/run", kind: "runtime", mode: "0755" },
        { path: "/run/haproxy", kind: "runtime", mode: "0775" },
      ],
      reloadSignal: "SIGUSR2",
      successExitStatus: "143",
      writeExecuteMemory: false,
    });
  });

  test("needs some thirty files less the certificates that it was told to leave out", () => {
    expect(manifest.entries.filter(({ kind }) => kind === "file").length).toBeLessThanOrEqual(35);
  });
});

test("nginx is launched with its words kept together and the signals of its unit", () => {
  expect(discoverRecorded("nginx.service").manifest.launch).toMatchObject({
    type: "forking",
    argv: ["/usr/sbin/nginx", "-g", "daemon on; master_process on;"],
    environment: {},
    killSignal: "SIGQUIT",
    reloadSignal: "SIGHUP",
    listens: [{ protocol: "tcp", jailPort: 80 }],
  });
});

test("a trace without the main process is an error that names the unit", () => {
  expect(() => discoverRecorded("absent-in-this-trace.service")).toThrow();
});
