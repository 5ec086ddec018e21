import { expect, test } from "vitest";
import { findDaemon } from "../../../provider/discovery/processes.ts";
import { parseTrace, type Trace } from "../../../provider/discovery/trace.ts";

const facts = (main: number) =>
  `main=${main}\nphase=start 1.0\nphase=probe 5.0\nphase=reload 6.0\nphase=stop 7.0\nphase=end 8.0\n`;

function trace(main: number, log: readonly string[]): Trace {
  return parseTrace(
    new Map([
      ["facts", facts(main)],
      ["1.ExecStart", `${log.join("\n")}\n`],
    ]),
  );
}

const opened = (pid: number, time: string, path: string) =>
  `${pid}  ${time} openat(AT_FDCWD</>, "${path}", O_RDONLY) = 3<${path}>`;
const run = (pid: number, time: string, path: string) =>
  `${pid}  ${time} execve("${path}", ["${path}", "-x"], ["A=b"]) = 0`;
const paths = (trace: Trace) =>
  findDaemon(trace)?.calls.flatMap((call) => /"([^"]+)"/.exec(call.args.join(" "))?.[1] ?? []);

test("wrappers dissolve: only what follows the last execve of the main process is the daemon's", () => {
  const found = trace(10, [
    run(10, "1.0", "/usr/bin/wrapper"),
    opened(10, "1.1", "/etc/wrapper.conf"),
    "10  1.2 clone(child_stack=NULL, flags=SIGCHLD) = 11",
    run(11, "1.3", "/usr/bin/id"),
    run(10, "1.4", "/usr/sbin/daemon"),
    opened(10, "1.5", "/etc/daemon.conf"),
    "10  1.6 clone(child_stack=NULL, flags=SIGCHLD) = 12",
    opened(12, "5.1", "/srv/page"),
  ]);
  expect(findDaemon(found)?.exec).toEqual({
    path: "/usr/sbin/daemon",
    argv: ["/usr/sbin/daemon", "-x"],
    environment: ["A=b"],
    pid: 10,
  });
  expect(paths(found)).toEqual(["/usr/sbin/daemon", "/etc/daemon.conf", "/srv/page"]);
});

test("of a daemon that puts itself into the background, the ancestor's execution counts, and what it read before", () => {
  const found = trace(22, [
    run(20, "1.0", "/usr/sbin/daemon"),
    opened(20, "1.1", "/etc/daemon.conf"),
    opened(22, "1.2", "/etc/early"),
    "20  1.3 clone(child_stack=NULL, flags=SIGCHLD) = 22",
    opened(22, "1.4", "/etc/late"),
  ]);
  expect(findDaemon(found)?.exec.pid).toBe(20);
  expect(paths(found)).toEqual(["/usr/sbin/daemon", "/etc/daemon.conf", "/etc/early", "/etc/late"]);
});

test("a daemon that executes itself to reload is known by its start", () => {
  const found = trace(10, [
    run(10, "1.0", "/usr/sbin/daemon"),
    opened(10, "1.1", "/etc/daemon.conf"),
    '10  6.1 execve("/usr/sbin/daemon", ["/usr/sbin/daemon", "-sf"], ["RELOADED=1"]) = 0',
    opened(10, "6.2", "/etc/more.conf"),
  ]);
  expect(findDaemon(found)?.exec.environment).toEqual(["A=b"]);
  expect(paths(found)).toContain("/etc/daemon.conf");
  expect(paths(found)).toContain("/etc/more.conf");
});

test("a trace without its main process has no daemon", () => {
  expect(findDaemon(trace(99, [run(10, "1.0", "/usr/sbin/daemon")]))).toBeUndefined();
});
