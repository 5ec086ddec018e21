import { describe, expect, test } from "vitest";
import { mayCarry } from "../../../provider/discovery/deny.ts";
import { parseInventory } from "../../../provider/discovery/inventory.ts";
import { selectEntries } from "../../../provider/discovery/select.ts";
import type { DiscoverySpec } from "../../../provider/discovery/spec.ts";
import type { Use } from "../../../provider/discovery/touched.ts";
import type { Phase } from "../../../provider/discovery/trace.ts";
import { specOf } from "./recorded.ts";

const inventory = parseInventory(
  [
    "P\t/bin\tl\t0777\troot\troot\t7\tusr/bin\t-\t-\t-",
    "P\t/etc\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/etc/app\td\t2750\troot\tapp\t0\t-\t-\t-\t-",
    "P\t/etc/app/app.conf\tf\t0640\troot\tapp\t5\taa\tapp\t1.0\t-",
    "P\t/etc/app/tls.key\tf\t0600\troot\troot\t5\tbb\t-\t-\tkey",
    "P\t/etc/machine-id\tf\t0444\troot\troot\t33\tcc\t-\t-\t-",
    "P\t/etc/passwd\tf\t0644\troot\troot\t33\tcc\t-\t-\t-",
    "P\t/lib\tl\t0777\troot\troot\t7\tusr/lib\t-\t-\t-",
    "P\t/usr\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/bin\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/bin/dash\tf\t0755\troot\troot\t5\tdd\tdash\t1\t-",
    "P\t/usr/bin/sh\tl\t0777\troot\troot\t4\tdash\tdash\t1\t-",
    "P\t/usr/bin/su\tf\t4755\troot\troot\t5\tee\tlogin\t1\t-",
    "P\t/usr/lib\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/lib/ld.so\tf\t0755\troot\troot\t5\tff\tlibc\t2\t-",
    "P\t/usr/lib/libc.so.6\tf\t0755\troot\troot\t5\tgg\tlibc\t2\t-",
    "P\t/usr/lib/libgcc_s.so.1\tf\t0644\troot\troot\t5\thh\tlibgcc\t2\t-",
    "P\t/usr/sbin\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/sbin/app\tf\t0755\troot\troot\t9\tii\tapp\t1.0\t-",
    "P\t/var\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/var/lib\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/var/lib/app\td\t0750\tapp\tapp\t0\t-\t-\t-\t-",
    "P\t/var/lib/app/data\tf\t0640\tapp\tapp\t3\tjj\t-\t-\t-",
    "P\t/var/log\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/var/log/other.log\tf\t0640\troot\troot\t3\tkk\t-\t-\t-",
    "P\t/var/run\tl\t0777\troot\troot\t4\t/run\t-\t-\t-",
    "E\t/usr/sbin/app\t/lib/ld.so\tlibc.so.6\t/lib/libc.so.6",
    "E\t/usr/bin/dash\t/lib/ld.so\tlibc.so.6\t/lib/libc.so.6",
    "L\tlibgcc_s.so.1\t/lib/libgcc_s.so.1",
    "I\t0\t/bin/sh",
    "I\t0\t/usr/bin/su",
  ].join("\n"),
);

type Uses = Readonly<Record<string, Partial<Record<Use, Phase>>>>;

function select(uses: Uses, changes: Partial<DiscoverySpec> = {}, mounted: readonly string[] = []) {
  const touched = new Map(
    Object.entries(uses).map(([path, use]) => [path, new Map(Object.entries(use) as [Use, Phase][])]),
  );
  const { entries, denied } = selectEntries({
    spec: specOf("app.service", changes),
    inventory,
    touched,
    programs: ["/usr/sbin/app"],
    mounted,
  });
  return {
    paths: entries.map((entry) => entry.path),
    denied,
    entry: (path: string) => entries.find((entry) => entry.path === path),
  };
}

/** What every selection of this program holds: itself, its needs, the fixed list, links and parents. */
const always = [
  ...["/bin", "/lib", "/usr", "/usr/bin", "/usr/lib", "/usr/lib/ld.so", "/usr/lib/libc.so.6", "/usr/lib/libgcc_s.so.1"],
  ...["/usr/sbin", "/usr/sbin/app"],
];

test("a program brings its loader, its libraries, the fixed list, links on the way and parents", () => {
  const { paths, entry, denied } = select({});
  expect(paths).toEqual(always);
  expect(denied).toEqual([]);
  expect(entry("/usr/lib/libc.so.6")).toEqual({
    path: "/usr/lib/libc.so.6",
    kind: "file",
    mode: "0755",
    owner: "root",
    group: "root",
    sha256: "gg",
    size: 5,
    package: "libc",
    version: "2",
    why: ["needed by /usr/sbin/app"],
  });
  expect(entry("/usr/lib/ld.so")?.why).toEqual(["interpreter of /usr/sbin/app"]);
  expect(entry("/usr/lib/libgcc_s.so.1")?.why).toEqual(["fixed list: loaded when a thread is cancelled or ends"]);
  expect(entry("/lib")).toMatchObject({ kind: "symlink", target: "usr/lib" });
  expect(entry("/usr/sbin")?.why).toEqual(["parent of /usr/sbin/app"]);
});

test("what was touched comes with the reason, and a directory without its setgid bit", () => {
  const { entry } = select({
    "/etc/app/app.conf": { examined: "start", opened: "start" },
    "/etc/app": { listed: "probe" },
  });
  expect(entry("/etc/app/app.conf")).toMatchObject({ mode: "0640", group: "app", why: ["opened at start"] });
  expect(entry("/etc/app")).toMatchObject({ mode: "0750", why: ["listed directory while probed"] });
});

describe("the deny list", () => {
  const opened = { use: "opened", phase: "start" } as const;

  test("keeps out shells, setid programs, keys, logs and the host's identity, and says so", () => {
    const use = { opened: "start" } as const;
    const { paths, denied } = select({
      "/bin/sh": { run: "start" },
      "/usr/bin/su": use,
      "/etc/app/tls.key": use,
      "/etc/machine-id": use,
      "/var/log/other.log": use,
    });
    expect(paths).toEqual(always);
    expect(denied).toEqual([
      { path: "/etc/app/tls.key", why: "holds a private key", ...opened },
      { path: "/etc/machine-id", why: "is this host's identity", ...opened },
      { path: "/usr/bin/dash", why: "is a shell", use: "run", phase: "start" },
      { path: "/usr/bin/su", why: "is a setuid or setgid program", ...opened },
      { path: "/var/log/other.log", why: "is a log", ...opened },
    ]);
    expect(denied.filter(mayCarry).map(({ path }) => path)).toEqual(["/usr/bin/dash", "/usr/bin/su"]);
  });

  test("is lifted for exactly what include names, without setid bits", () => {
    const { entry, denied } = select({ "/etc/app/tls.key": { opened: "start" } }, { include: ["/bin/s*"] });
    expect(entry("/usr/bin/dash")?.why).toEqual(["included by include[0]"]);
    expect(entry("/usr/bin/sh")).toMatchObject({ kind: "symlink", target: "dash" });
    expect(entry("/usr/bin/su")?.mode).toBe("0755");
    expect(denied.map(({ path }) => path)).toEqual(["/etc/app/tls.key"]);
  });

  test("is lifted for what files give", () => {
    const file = { content: "x", mode: "0600", owner: "root" };
    expect(select({}, { files: { "/etc/app/tls.key": file } }).entry("/etc/app/tls.key")?.why).toEqual([
      "given in files",
    ]);
  });
});

test("exclude takes out what was touched, silently, and all below a directory", () => {
  const { paths, denied } = select({ "/etc/app/app.conf": { opened: "start" } }, { exclude: ["/etc/*"] });
  expect(paths).toEqual(always);
  expect(denied).toEqual([]);
});

test("exclude takes out of what include names, but neither declared files nor the program", () => {
  const file = { content: "x", mode: "0600", owner: "root" };
  const { paths } = select(
    {},
    { include: ["/bin/s*"], exclude: ["/usr/bin/*", "/usr/sbin", "/etc"], files: { "/etc/app/app.conf": file } },
  );
  expect(paths).toEqual([...always, "/etc", "/etc/app", "/etc/app/app.conf"].sort());
});

test("what lies in a mounted directory stays out of the tree, its mount point is in", () => {
  const { paths, entry } = select({ "/var/lib/app/data": { opened: "start" } }, {}, ["/var/lib/app"]);
  expect(paths).toEqual([...always, "/var", "/var/lib", "/var/lib/app"]);
  expect(entry("/var/lib/app")).toMatchObject({
    owner: "app",
    mode: "0750",
    why: ["mount point of a writable directory"],
  });
});

test("the link on the way to a pid file is in, and its reason names nothing drawn by chance", () => {
  const { entry, paths } = select({ "/var/run/app/app.pid.x8Y2": { written: "start" } });
  expect(paths).toEqual([...always, "/var", "/var/run"]);
  expect(entry("/var/run")?.why).toEqual(["link on the way to /var/run/app"]);
});

test("accounts and other made files are never copied", () => {
  expect(select({ "/etc/passwd": { opened: "start" } }).paths).toEqual(always);
});
