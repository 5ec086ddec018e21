import { expect, test } from "vitest";
import { parseInventory } from "../../../provider/discovery/inventory.ts";
import type { Use } from "../../../provider/discovery/touched.ts";
import { type Phase, parseTrace } from "../../../provider/discovery/trace.ts";
import { findWritable } from "../../../provider/discovery/writable.ts";

const inventory = parseInventory(
  [
    ...["/var", "/var/lib", "/var/spool", "/etc", "/etc/app"].map(
      (path) => `P\t${path}\td\t0755\troot\troot\t0\t-\t-\t-\t-`,
    ),
    "P\t/etc/app/keys/drawn.key\tf\t0600\troot\troot\t5\tbb\t-\t-\tkeydrawn",
    "P\t/etc/app/host.key\tf\t0600\troot\troot\t5\tbb\t-\t-\tkey",
    "P\t/var/lib/app\td\t0750\tapp\tapp\t0\t-\t-\t-\t-",
    "P\t/var/lib/app/db\td\t0700\tapp\tapp\t0\t-\t-\t-\t-",
    "P\t/var/lib/other\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/var/spool/app\td\t0750\tapp\tapp\t0\t-\t-\t-\tempty",
    "P\t/var/spool/full\td\t0750\tapp\tapp\t0\t-\t-\t-\t-",
    "P\t/var/spool/roots\td\t0755\troot\troot\t0\t-\t-\t-\tempty",
    "U\troot\t0\troot\t/root",
    "U\tapp\t105\tapp\t/var/lib/app",
    "U\tnobody\t65534\tnogroup\t/nonexistent",
  ].join("\n"),
);

type Uses = Readonly<Record<string, Partial<Record<Use, Phase>>>>;

function writable(uses: Uses, facts = "", users: readonly string[] = ["app"], files: readonly string[] = []) {
  const touched = new Map(
    Object.entries(uses).map(([path, use]) => [path, new Map(Object.entries(use) as [Use, Phase][])]),
  );
  const { notes } = parseTrace(new Map([["facts", facts]]));
  const { directories, refused } = findWritable(touched, notes, inventory, users, [], files);
  return { paths: directories.map(({ path, kind, mode }) => `${kind} ${mode} ${path}`), refused };
}

test("the home of the daemon's own user is its data directory, of which it may have used but a part", () => {
  expect(writable({ "/var/lib/app/db/1": { written: "start" } }).paths).toEqual(["state 0750 /var/lib/app"]);
  expect(writable({ "/var/lib/app/cookie": { opened: "start" } }).paths).toEqual(["state 0750 /var/lib/app"]);
  expect(writable({ "/var/lib/app/cookie": { opened: "start" } }, "", ["nobody"]).paths).toEqual([]);
});

test("an empty directory of the daemon's user that it looked at is one that it will fill", () => {
  const looked = { examined: "start" } as const;
  const { paths } = writable({ "/var/spool/app": looked, "/var/spool/full": looked, "/var/spool/roots": looked });
  expect(paths).toEqual(["state 0750 /var/spool/app"]);
});

test("several places in one directory of a program's own are one place, and never all of /var/lib", () => {
  const made = { written: "start" } as const;
  expect(writable({ "/var/lib/other/a/1": made, "/var/lib/other/b/1": made }).paths).toEqual([
    "state 0755 /var/lib/other",
  ]);
  expect(writable({ "/var/lib/one/1": made, "/var/lib/two/1": made }).paths).toEqual([
    "state 0755 /var/lib/one",
    "state 0755 /var/lib/two",
  ]);
});

test("what the unit says is written to is writable, though no probe wrote there, and never /etc", () => {
  const facts = "directory=ReadWritePaths 0755 /var/lib/other\ndirectory=ReadWritePaths 0755 /etc/app\n";
  expect(writable({}, facts).paths).toEqual(["state 0755 /var/lib/other"]);
});

test("a directory that holds one of the jail's own files stays in the tree, unless the daemon wrote there", () => {
  const facts = "directory=ReadWritePaths 0755 /var/lib/other\n";
  const files = ["/var/lib/other/pages/index.jsp"];
  expect(writable({}, facts, ["app"], files).paths).toEqual([]);
  expect(writable({}, facts, ["app"], ["/var/lib/other.conf"]).paths).toEqual(["state 0755 /var/lib/other"]);
  expect(writable({ "/var/lib/other/state": { written: "start" } }, facts, ["app"], files).paths).toEqual([
    "state 0755 /var/lib/other",
  ]);
});

test("a key that an installation drew is the service's own data, and no part of a tree; the host's never are", () => {
  const opened = { opened: "start" } as const;
  expect(writable({ "/etc/app/keys/drawn.key": opened, "/etc/app/host.key": opened }).paths).toEqual([
    "state 0700 /etc/app/keys",
  ]);
});

test("a directory that the daemon made where the package brings none is writable, and not refused as well", () => {
  const made = { "/var/app": { written: "start" }, "/var/app/master": { written: "start" } } as const;
  expect(writable(made)).toEqual({ paths: ["state 0755 /var/app"], refused: [] });
});

test("what was written elsewhere is named, as it is read-only in the jail", () => {
  expect(writable({ "/etc/app/state": { written: "start" } })).toEqual({
    paths: [],
    refused: [{ path: "/etc/app/state", why: "written at start by the traced daemon; it is read-only in the jail" }],
  });
});
