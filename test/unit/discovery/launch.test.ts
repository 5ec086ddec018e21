import { expect, test } from "vitest";
import { assembleManifest } from "../../../provider/discovery/assemble-manifest.ts";
import { parseInventory } from "../../../provider/discovery/inventory.ts";
import { parseTrace } from "../../../provider/discovery/trace.ts";
import type { Launch } from "../../../provider/manifest/launch.ts";
import { specOf } from "./recorded.ts";

const inventory = parseInventory(
  [
    "P\t/usr\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/sbin\td\t0755\troot\troot\t0\t-\t-\t-\t-",
    "P\t/usr/sbin/daemon\tf\t0755\troot\troot\t9\tii\tapp\t1.0\t-",
    "U\troot\t0\troot\t/root",
    "U\tapp\t105\tapp\t/var/lib/app",
    "G\troot\t0\t",
    "G\tapp\t110\t",
    "G\tssl-cert\t111\tapp,other",
  ].join("\n"),
);

interface Given {
  readonly main?: number;
  readonly facts?: readonly string[];
  readonly log: readonly string[];
}

function launchOf({ main, facts = [], log }: Given): Launch {
  const told = [...facts, ...(main === undefined ? [] : [`main=${main}`])];
  const phases = ["phase=start 1.0", "phase=probe 5.0", "phase=reload 6.0", "phase=stop 7.0", "phase=end 8.0"];
  const sections = new Map([
    ["facts", [...told, ...phases, ""].join("\n")],
    ["1.ExecStart", `${log.join("\n")}\n`],
  ]);
  return assembleManifest(specOf("app.service"), parseTrace(sections), inventory).manifest.launch;
}

const daemon = (pid: number, time = "2.0", argv = '"/usr/sbin/daemon", "-f"', environment = "") =>
  `${pid}  ${time} execve("/usr/sbin/daemon", [${argv}], [${environment}]) = 0`;
const fork = (pid: number, child: number, time: string) => `${pid}  ${time} fork() = ${child}`;

test.each([
  ["simple", "exec"],
  ["exec", "exec"],
  ["notify", "notify"],
  ["notify-reload", "notify"],
  ["dbus", "exec"],
])("a unit of type %s whose program stays in the foreground is launched as %s", (declared, type) => {
  expect(launchOf({ main: 10, facts: [`unit.Type=${declared}`], log: [daemon(10)] }).type).toBe(type);
});

test("a program that forks by itself is launched as forking, whatever type its unit has", () => {
  for (const declared of ["forking", "oneshot"]) {
    const log = [daemon(10), fork(10, 11, "2.1")];
    expect(launchOf({ main: 11, facts: [`unit.Type=${declared}`], log }).type).toBe("forking");
  }
});

test("a program that a wrapper had put into the background stays in the foreground without it", () => {
  for (const declared of ["forking", "oneshot"]) {
    const log = ['10  1.0 execve("/usr/bin/ctl", ["ctl"], []) = 0', fork(10, 11, "1.5"), daemon(11)];
    expect(launchOf({ main: 11, facts: [`unit.Type=${declared}`], log }).type).toBe("exec");
  }
});

test("a oneshot that leaves nothing behind stays one", () => {
  expect(launchOf({ facts: ["unit.Type=oneshot"], log: [daemon(10)] }).type).toBe("oneshot");
});

test("the user is the one that a wrapper had become before it executed the daemon", () => {
  const log = [
    '10  1.0 execve("/usr/bin/ctl", ["ctl"], []) = 0',
    "10  1.1 setresgid(-1, 110, -1) = 0",
    "10  1.2 setresuid(-1, 105, -1) = 0",
    fork(10, 11, "1.5"),
    daemon(11),
    "11  2.5 setuid(0) = 0",
  ];
  const launch = launchOf({ main: 11, log });
  expect(launch).toMatchObject({ user: "app", group: "app" });
  expect(launch.users).toEqual([{ name: "app", group: "app", home: "/var/lib/app", groups: ["ssl-cert"] }]);
});

test("a name that differs from the program's is kept, and one of the same program is not", () => {
  expect(launchOf({ main: 10, log: [daemon(10, "2.0", '"app-writer", "-f"')] })).toMatchObject({
    argv: ["/usr/sbin/daemon", "-f"],
    argv0: "app-writer",
  });
  expect(launchOf({ main: 10, log: [daemon(10, "2.0", '"daemon"')] }).argv0).toBeUndefined();
});

test("a datagram socket counts as a way in only when the daemon chose its port", () => {
  const log = [
    daemon(10),
    '10  2.1 bind(5<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(161), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
    '10  2.2 bind(6<UDP:[2]>, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0',
  ];
  const facts = ["listen=udp 161 0.0.0.0", "listen=udp 45415 0.0.0.0"];
  expect(launchOf({ main: 10, facts, log }).listens).toEqual([{ protocol: "udp", jailPort: 161 }]);
});

test("a wrapper's own process id is no part of the environment, as it differs from run to run", () => {
  const environment = '"CTL_PID=10", "WORKERS=10", "HOME=/var/lib/app", "SHELL=/bin/sh"';
  const log = [
    '10  1.0 execve("/usr/bin/ctl", ["ctl"], []) = 0',
    fork(10, 11, "1.5"),
    daemon(11, "2.0", '"daemon"', environment),
  ];
  expect(launchOf({ main: 11, log }).environment).toEqual({ HOME: "/var/lib/app", WORKERS: "10" });
});

test("a port is on the loopback only when every address it is listened to at is", () => {
  const facts = ["tcp 53 127.0.0.1", "tcp 53 ::1", "tcp 80 127.0.0.1", "tcp 80 ::", "tcp 90 ::ffff:127.0.0.1"];
  const { listens } = launchOf({ main: 10, facts: facts.map((line) => `listen=${line}`), log: [daemon(10)] });
  expect(listens).toEqual([
    { protocol: "tcp", jailPort: 53, loopback: true },
    { protocol: "tcp", jailPort: 80 },
    { protocol: "tcp", jailPort: 90, loopback: true },
  ]);
});

test("a daemon that was seen to connect to /dev/log logs by syslog", () => {
  const connect = (path: string) => `10  2.5 connect(3<socket:[7]>, {sa_family=AF_UNIX, sun_path="${path}"}, 110) = 0`;
  expect(launchOf({ main: 10, log: [daemon(10), connect("/dev/log")] }).syslog).toBe(true);
  expect(launchOf({ main: 10, log: [daemon(10), connect("/run/other")] }).syslog).toBeUndefined();
});

test("a variable whose name no unit file can hold is left out", () => {
  const { environment } = launchOf({ main: 10, log: [daemon(10, "2.0", '"/usr/sbin/daemon"', '"A/B=1", "MODE=x"')] });
  expect(environment).toEqual({ MODE: "x" });
});

test.each([
  ["all", "all"],
  ["exec", "all"],
  ["main", undefined],
])("of a unit with NotifyAccess=%s the jailed one's is %s", (declared, access) => {
  const facts = ["unit.Type=notify", `unit.NotifyAccess=${declared}`];
  expect(launchOf({ main: 10, facts, log: [daemon(10)] }).notifyAccess).toBe(access);
});

test("sockets that systemd handed to it are kept, and their datagram ports count though the daemon binds nothing", () => {
  const facts = [
    "passed=app.socket ListenDatagram 0.0.0.0:111",
    "passed=app.socket FileDescriptorName names",
    "listen=udp 111 0.0.0.0",
    "listen=udp 40111 0.0.0.0",
  ];
  const other =
    '10  2.2 bind(5<socket:[7]>, {sa_family=AF_INET, sin_port=htons(0), sin_addr=inet_addr("0.0.0.0")}, 16) = 0';
  const launch = launchOf({ main: 10, facts, log: [daemon(10), other] });
  expect(launch.listens).toEqual([{ protocol: "udp", jailPort: 111 }]);
  expect(launch.sockets).toEqual([
    {
      unit: "app.socket",
      fileDescriptorName: "names",
      listens: [{ type: "datagram", address: "0.0.0.0:111" }],
      options: {},
    },
  ]);
  expect(launchOf({ main: 10, log: [daemon(10)] })).not.toHaveProperty("sockets");
});
