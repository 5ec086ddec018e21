import { expect, test } from "vitest";
import { descriptorPath, parseStrace, unquote, unquoteArray } from "../../../provider/discovery/strace.ts";

test("a call is read with its arguments and its result", () => {
  const line = '12  1795451692.187721 openat(AT_FDCWD</>, "/etc/hosts", O_RDONLY|O_CLOEXEC) = 3</etc/hosts>';
  expect(parseStrace(`${line}\n`)).toEqual([
    {
      pid: 12,
      time: 1795451692.187721,
      name: "openat",
      args: ["AT_FDCWD</>", '"/etc/hosts"', "O_RDONLY|O_CLOEXEC"],
      result: "3</etc/hosts>",
    },
  ]);
});

test("a call that was cut in two by another thread is joined", () => {
  const log = [
    '7  1.0 openat(AT_FDCWD</>, "/a", O_RDONLY <unfinished ...>',
    '8  1.1 access("/b", R_OK) = 0',
    "7  1.2 <... openat resumed>) = 3</a>",
  ].join("\n");
  expect(parseStrace(log).map(({ pid, name, args, result }) => [pid, name, args.length, result])).toEqual([
    [8, "access", 2, "0"],
    [7, "openat", 3, "3</a>"],
  ]);
});

test("failed calls, signals and exits are left out", () => {
  const log = [
    '7  1.0 access("/b", R_OK) = -1 ENOENT (No such file or directory)',
    "7  1.1 --- SIGCHLD {si_signo=SIGCHLD} ---",
    "7  1.2 +++ exited with 0 +++",
    "7  1.3 exit_group(0) = ?",
    '7  1.4 access("/c", R_OK) = 0',
  ].join("\n");
  expect(parseStrace(log).map((call) => call.args[0])).toEqual(['"/c"']);
});

test("brackets, commas and quotes inside of strings and descriptors do not split arguments", () => {
  const log = '7  1.0 newfstatat(4</srv/a, (b)>, "x, \\"y\\")", {st_mode=S_IFREG|0644, st_size=1, ...}, 0) = 0';
  expect(parseStrace(log)[0]!.args).toEqual([
    "4</srv/a, (b)>",
    '"x, \\"y\\")"',
    "{st_mode=S_IFREG|0644, st_size=1, ...}",
    "0",
  ]);
});

test("a quoted argument is decoded, bytes as UTF-8", () => {
  expect(unquote('"/srv/caf\\303\\251/a\\tb\\"c"')).toBe('/srv/café/a\tb"c');
  expect(unquote("NULL")).toBeUndefined();
});

test("an array of strings is decoded", () => {
  expect(unquoteArray('["nginx", "-g", "daemon on; master_process on;"]')).toEqual([
    "nginx",
    "-g",
    "daemon on; master_process on;",
  ]);
  expect(unquoteArray("0x7ffd /* 12 vars */")).toEqual([]);
});

test("a descriptor tells its path unless it is a socket, a pipe or deleted", () => {
  expect(descriptorPath("3</etc/hosts>")).toBe("/etc/hosts");
  expect(descriptorPath("AT_FDCWD</var/lib>")).toBe("/var/lib");
  expect(descriptorPath("3<socket:[12]>")).toBeUndefined();
  expect(descriptorPath("3</tmp/x (deleted)>")).toBeUndefined();
  expect(descriptorPath("0")).toBeUndefined();
});
