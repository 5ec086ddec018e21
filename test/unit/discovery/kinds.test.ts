import { describe, expect, test } from "vitest";
import { discoverRecorded } from "./recorded.ts";

const whyOf = (unit: string) => {
  const { manifest } = discoverRecorded(unit);
  return Object.fromEntries(manifest.entries.map((entry) => [entry.path, entry.why]));
};
const shells = /^\/(usr\/)?bin\/(sh|dash|bash|perl.*)$/;

describe("a templated unit whose wrapper, a Perl script, changes the user and puts the daemon into the background", () => {
  const { manifest, denied } = discoverRecorded("postgresql@15-main.service");

  test("is launched as the daemon alone, in the foreground, as the user that the wrapper had become", () => {
    const { launch } = manifest;
    expect(launch).toMatchObject({ unit: "postgresql@15-main.service", type: "exec", user: "postgres" });
    expect(launch.argv).toEqual([
      ...["/usr/lib/postgresql/15/bin/postgres", "-D", "/var/lib/postgresql/15/main"],
      ...["-c", "config_file=/etc/postgresql/15/main/postgresql.conf"],
    ]);
    expect(launch).toMatchObject({ killSignal: "SIGINT", reloadSignal: "SIGHUP" });
    expect(launch.environment).not.toHaveProperty("PG_GRANDPARENT_PID");
  });

  test("has all of its user's home as data, and the key that the installation drew, and none of it in the tree", () => {
    expect(manifest.launch.writable.map(({ kind, path }) => `${kind} ${path}`)).toEqual([
      "state /etc/ssl/private",
      "runtime /run/postgresql",
      "state /var/lib/postgresql",
    ]);
    const below = /^(\/etc\/ssl\/private|\/var\/lib\/postgresql)\/./;
    expect(manifest.entries.filter(({ path }) => below.test(path))).toEqual([]);
    expect(denied).toEqual([]);
  });

  test("may read what is open to the further groups of its user", () => {
    expect(manifest.launch.users).toEqual([
      { name: "postgres", group: "postgres", home: "/var/lib/postgresql", groups: ["ssl-cert"] },
    ]);
  });

  test("carries no shell and no Perl", () => {
    expect(manifest.entries.filter(({ path }) => shells.test(path))).toEqual([]);
    expect(manifest.interpreters).toBeUndefined();
  });
});

describe("a package that only brings a script for init", () => {
  const { manifest } = discoverRecorded("slapd.service");

  test("is launched as what the script starts, which forks by itself", () => {
    expect(manifest.launch).toMatchObject({ unit: "slapd.service", type: "forking", user: "root" });
    expect(manifest.launch.argv.slice(0, 3)).toEqual(["/usr/sbin/slapd", "-h", "ldap:/// ldapi:///"]);
    expect(manifest.launch.users.map(({ name }) => name)).toEqual(["openldap"]);
  });

  test("carries neither the script nor its shell", () => {
    const paths = manifest.entries.map(({ path }) => path);
    expect(paths.filter((path) => shells.test(path) || path.startsWith("/etc/init.d/"))).toEqual([]);
  });
});

describe("a daemon that is a script of an interpreter", () => {
  const { manifest } = discoverRecorded("radicale.service");

  test("carries its interpreter, which the kernel opened and no trace shows, and declares it", () => {
    const [python] = manifest.interpreters ?? [];
    expect(python?.path).toMatch(/^\/usr\/bin\/python3/);
    expect(python?.why).toBe("interpreter of /usr/bin/radicale");
    expect(manifest.launch.argv[0]).toBe("/usr/bin/radicale");
  });

  test("has the directory that its unit says is written to, though no probe wrote there", () => {
    expect(manifest.launch.writable.map(({ path }) => path)).toContain("/var/lib/radicale");
  });
});

test("what a unit's own preparations made is there, as the jail does not run them", () => {
  const { manifest, report } = discoverRecorded("unbound.service");
  expect(report.recommended).toEqual(["dns-root-data"]);
  expect(manifest.launch.writable.map(({ path }) => path)).toContain("/var/lib/unbound");
  expect(whyOf("unbound.service")["/usr/libexec/unbound-helper"]).toBeUndefined();
});
