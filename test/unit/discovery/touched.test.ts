import { expect, test } from "vitest";
import { parseStrace } from "../../../provider/discovery/strace.ts";
import { findTouched } from "../../../provider/discovery/touched.ts";
import { parseTrace } from "../../../provider/discovery/trace.ts";

const { notes } = parseTrace(
  new Map([["facts", "phase=start 1.0\nphase=probe 5.0\nphase=reload 6.0\nphase=stop 7.0\n"]]),
);

function touched(...lines: readonly string[]): Record<string, Record<string, string>> {
  const log = lines.map((line) => (/^\d+ {2}/.test(line) ? line : `1  2.0 ${line}`)).join("\n");
  return Object.fromEntries(
    [...findTouched(parseStrace(log), notes)].map(([path, uses]) => [path, Object.fromEntries(uses)]),
  );
}

test("what was opened is known by the name asked for and by where it led", () => {
  expect(touched('openat(AT_FDCWD</>, "/lib/libz.so.1", O_RDONLY) = 3</usr/lib/libz.so.1.2>')).toEqual({
    "/usr/lib/libz.so.1.2": { opened: "start" },
    "/lib/libz.so.1": { opened: "start" },
  });
});

test("each use has the first phase that it was seen in", () => {
  const open = (time: string) => `1  ${time} openat(AT_FDCWD</>, "/a", O_RDONLY) = 3</a>`;
  expect(touched(open("6.5"), open("5.5"), open("7.5"))).toEqual({ "/a": { opened: "probe" } });
});

test("relative paths follow the working directory, also of calls that know no directory", () => {
  expect(touched('chdir("/srv") = 0', 'access("x", R_OK) = 0', 'newfstatat(4</opt/y>, "z", {}, 0) = 0')).toEqual({
    "/srv": { examined: "start" },
    "/srv/x": { examined: "start" },
    "/opt/y/z": { examined: "start" },
  });
});

test("a child begins in its parent's working directory", () => {
  expect(
    touched('1  2.0 chdir("/srv") = 0', "1  2.1 clone(flags=SIGCHLD) = 2", '2  2.2 access("x", R_OK) = 0'),
  ).toHaveProperty("/srv/x");
});

test("after a chroot paths are below it", () => {
  expect(touched('chroot("/var/empty") = 0', 'access("/etc/hosts", R_OK) = 0')).toEqual({
    "/var/empty": { examined: "start" },
    "/var/empty/etc/hosts": { examined: "start" },
  });
});

test("listing, running and writing are told apart from opening", () => {
  expect(
    touched(
      "getdents64(3</etc/conf.d>, 0x1 /* 4 entries */, 32768) = 112",
      'execve("/usr/bin/x", ["x"], []) = 0',
      'openat(AT_FDCWD</>, "/var/log/x.log", O_WRONLY|O_CREAT|O_APPEND, 0666) = 5</var/log/x.log>',
      'rename("/run/x.tmp", "/run/x.pid") = 0',
      'bind(6<socket:[1]>, {sa_family=AF_UNIX, sun_path="/run/x.sock"}, 110) = 0',
    ),
  ).toEqual({
    "/etc/conf.d": { listed: "start" },
    "/usr/bin/x": { run: "start" },
    "/var/log/x.log": { written: "start" },
    "/run/x.tmp": { written: "start" },
    "/run/x.pid": { written: "start" },
    "/run/x.sock": { written: "start" },
  });
});
