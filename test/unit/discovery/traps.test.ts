import { describe, expect, test } from "vitest";
import { findDaemon } from "../../../provider/discovery/processes.ts";
import { parseTrace } from "../../../provider/discovery/trace.ts";
import { completeManifest } from "../../../provider/generation/fixed.ts";
import { renderEntries } from "../../../provider/manifest/entries.ts";
import { discoverRecorded, recordedSections } from "./recorded.ts";

/** What "it starts" hides: each of these was once a jail that started, and was wrong. By recorded runs of real hosts. */
describe("traps of building a jail:", () => {
  const apache = discoverRecorded("apache2.service").manifest;
  const why = (path: string, unit = "apache2.service") =>
    discoverRecorded(unit).manifest.entries.find((entry) => entry.path === path)?.why ?? [];
  const tree = (manifest = apache) => completeManifest(manifest).entries;

  test("libgcc_s is loaded when a thread ends, after any probe", () => {
    const path = "/usr/lib/x86_64-linux-gnu/libgcc_s.so.1";
    expect(why(path)).toContain("fixed list: loaded when a thread is cancelled or ends");
  });

  test("PT_INTERP: the kernel opens a program's loader, no call shows it", () => {
    const trace = parseTrace(recordedSections("apache2.service"));
    const opened = trace.commands.flatMap(({ calls }) => calls).filter(({ name }) => name.startsWith("open"));
    expect(opened.filter(({ args }) => args.join().includes("ld-linux"))).toEqual([]);
    expect(why("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")).toContain("interpreter of /usr/sbin/apache2");
  });

  test("#!: the kernel opens a script's interpreter, no call shows it", () => {
    const { interpreters } = discoverRecorded("radicale.service").manifest;
    expect(interpreters?.map((found) => found.why)).toEqual(["interpreter of /usr/bin/radicale"]);
  });

  test("$ORIGIN is looked up by way of /proc, so each tree has a place for it", () => {
    expect(tree().find(({ path }) => path === "/proc")?.kind).toBe("directory");
  });

  test("without /dev/random some start late, with weak seeds and without a word: it is there, and null, zero, full, urandom", () => {
    const devices = tree().filter(({ kind }) => kind === "device");
    expect(devices.map(({ path, device }) => `${path} ${device}`)).toEqual([
      ...["/dev/full c 1:7", "/dev/null c 1:3", "/dev/random c 1:8", "/dev/urandom c 1:9", "/dev/zero c 1:5"],
    ]);
  });

  test("passwd, group and hosts are places to bind the service's own over, never the host's files", () => {
    for (const path of ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf"]) {
      expect(tree().find((entry) => entry.path === path)).toMatchObject({ kind: "file", size: 0, content: "" });
    }
    expect(tree().find(({ path }) => path === "/etc/shadow")).toBeUndefined();
  });

  test("a directory that is listed is in, though nothing in it was opened; a link to what is enabled comes with its target", () => {
    expect(why("/etc/apache2/sites-enabled")).toContain("listed directory at start");
    const link = apache.entries.find(({ path }) => path === "/etc/apache2/mods-enabled/alias.load");
    expect(link?.kind).toBe("symlink");
    expect(why("/etc/apache2/mods-available/alias.load").length).toBeGreaterThan(0);
  });

  test("a file that is only looked for, and changes what the daemon does when it is not there, is in", () => {
    const examined = apache.entries.filter((entry) => entry.why.some((reason) => reason.startsWith("examined")));
    expect(examined.length).toBeGreaterThan(0);
  });

  test("a directory for run-time state that nobody ships is made at each start, with its mode", () => {
    expect(apache.launch.writable).toContainEqual({ path: "/run/apache2", kind: "runtime", mode: "0755" });
  });

  test("data has the daemon's own user as its owner, and lies outside of the tree", () => {
    const { launch, entries } = discoverRecorded("mariadb.service").manifest;
    expect(launch.writable).toContainEqual({ path: "/var/lib/mysql", kind: "state", mode: "0755" });
    expect(launch.user).toBe("mysql");
    expect(entries.filter(({ path }) => path.startsWith("/var/lib/mysql/"))).toEqual([]);
  });

  test("EACCES: what a package opens to its daemon's group alone can be read in the jail, where that group is not", () => {
    const entry = {
      path: "/etc/a",
      kind: "file",
      mode: "0640",
      owner: "root",
      sha256: "00",
      size: 1,
      why: [],
    } as const;
    const mode = (group: string) =>
      renderEntries({
        entries: [{ ...entry, group }],
        launch: discoverRecorded("postgresql@15-main.service").manifest.launch,
      }).split("\t")[1];
    expect([mode("postgres"), mode("ssl-cert"), mode("shadow")]).toEqual(["0644", "0644", "0640"]);
  });

  test("setuid bits never get into a jail", () => {
    for (const unit of ["apache2", "mariadb", "slapd", "radicale", "postgresql@15-main"]) {
      const { entries } = discoverRecorded(`${unit}.service`).manifest;
      expect(entries.filter(({ mode }) => Number.parseInt(mode, 8) & 0o6000)).toEqual([]);
    }
  });

  test("with Type=simple the first look sees the wrapper's shell: words and environment are those of the last execution", () => {
    const log = [
      '10  1.0 execve("/bin/sh", ["/bin/sh", "/usr/bin/ctl"], ["A=1"]) = 0',
      '10  1.5 execve("/usr/sbin/daemon", ["/usr/sbin/daemon", "run"], ["A=2"]) = 0',
    ];
    const facts = "main=10\nphase=start 1.0\nphase=probe 5.0\nphase=stop 7.0\n";
    const trace = parseTrace(
      new Map([
        ["facts", facts],
        ["1.ExecStart", log.join("\n")],
      ]),
    );
    expect(findDaemon(trace)?.exec).toMatchObject({ argv: ["/usr/sbin/daemon", "run"], environment: ["A=2"] });
  });

  test("calls that another thread cut in two name as many files as whole ones", () => {
    const log = (open: string) => `10  1.0 execve("/usr/sbin/daemon", ["daemon"], []) = 0\n${open}\n`;
    const found = (open: string) =>
      findDaemon(
        parseTrace(
          new Map([
            ["facts", "main=10\nphase=start 1.0\n"],
            ["1.ExecStart", log(open)],
          ]),
        ),
      )?.calls.at(-1)?.args;
    const whole = '10  1.1 openat(AT_FDCWD</>, "/etc/a", O_RDONLY) = 3</etc/a>';
    const cut =
      '10  1.1 openat(AT_FDCWD</>, "/etc/a", O_RDONLY <unfinished ...>\n10  1.2 <... openat resumed>) = 3</etc/a>';
    expect(found(cut)).toEqual(found(whole));
  });
});
