import { posix } from "node:path";
import { type Launch, type LaunchUser, type Listen, portOf, type WritableDirectory } from "../manifest/launch.ts";
import { execWords } from "./exec-words.ts";
import type { Inventory, UserFact } from "./inventory.ts";
import { patienceOf } from "./patience.ts";
import type { Daemon } from "./processes.ts";
import type { DiscoverySpec } from "./spec.ts";
import type { Call } from "./strace.ts";
import type { Trace } from "./trace.ts";

/** How to start the daemon without its wrappers, as it was seen to be started, probed, reloaded and stopped. */
export function deriveLaunch(
  spec: DiscoverySpec,
  trace: Trace,
  daemon: Daemon,
  inventory: Inventory,
  writable: readonly WritableDirectory[],
): Launch {
  const { unit } = trace.notes;
  const { user, group } = identityOf(trace, daemon, inventory);
  const users = launchUsers(spec, user, trace, daemon, inventory, writable);
  const argv0 = daemon.exec.argv[0];
  const limitNOFILE = limitOf(trace, daemon);
  const killSignal = signalTo(trace, "ExecStop") ?? unit["KillSignal"];
  const reloadSignal =
    signalTo(trace, "ExecReload") ??
    (unit["Type"] === "notify-reload" ? (unit["ReloadSignal"] ?? "SIGHUP") : undefined);
  const exitStatus = unit["SuccessExitStatus"];
  return {
    ...(spec.unit === undefined ? {} : { unit: spec.unit }),
    type: tracedType(trace, daemon),
    argv: [absolute(daemon), ...daemon.exec.argv.slice(1)],
    ...(argv0 === undefined || nameOf(argv0) === nameOf(daemon.exec.path) ? {} : { argv0 }),
    workingDirectory: workingDirectory(daemon),
    environment: cleanEnvironment(daemon.exec.environment, trace),
    user,
    group,
    users,
    listens: uniqueListens(trace.notes.listens.flatMap(parseListen)).filter(
      (listen) => isPassed(listen, trace) || isBound(listen, daemon),
    ),
    writable,
    ...(limitNOFILE === undefined ? {} : { limitNOFILE }),
    ...patienceOf(unit),
    ...(killSignal === undefined || killSignal === "SIGTERM" ? {} : { killSignal }),
    ...(reloadSignal === undefined ? {} : { reloadSignal }),
    ...(exitStatus === undefined ? {} : { successExitStatus: exitStatus }),
    writeExecuteMemory: trace.notes.writeExecuteMemory || daemon.calls.some(makesExecutable),
    ...(/^(all|exec)$/.test(unit["NotifyAccess"] ?? "") ? { notifyAccess: "all" } : {}),
    ...(daemon.calls.some(logsBySyslog) ? { syslog: true } : {}),
    ...(trace.notes.sockets.length > 0 ? { sockets: trace.notes.sockets } : {}),
  };
}

/** The launch when nothing was traced: the unit's own words, or just the program. */
export function plainLaunch(spec: DiscoverySpec, trace: Trace, inventory: Inventory): Launch {
  const { unit } = trace.notes;
  const words = unit["ExecStart"] === undefined ? (spec.programs ?? []).slice(0, 1) : execWords(unit["ExecStart"]);
  const user = unit["User"] ?? "root";
  const named = [user, ...spec.users].filter((name) => name !== "root");
  return {
    ...(spec.unit === undefined ? {} : { unit: spec.unit }),
    type: launchType(unit["Type"]),
    argv: words,
    workingDirectory: unit["WorkingDirectory"]?.replace(/^-/, "") ?? "/",
    environment: {},
    user,
    group: unit["Group"] ?? inventory.users.find((fact) => fact.name === user)?.group ?? user,
    users: [...new Set(named)].map((name) => describeUser(name, inventory)),
    listens: [],
    writable: trace.notes.declaredDirectories.flatMap(({ key, path, mode }) => {
      const kind = declaredKinds[key];
      return kind === undefined ? [] : [{ path, kind, mode }];
    }),
    writeExecuteMemory: false,
    ...(trace.notes.sockets.length > 0 ? { sockets: trace.notes.sockets } : {}),
  };
}

const declaredKinds: Readonly<Record<string, WritableDirectory["kind"]>> = {
  RuntimeDirectory: "runtime",
  StateDirectory: "state",
  CacheDirectory: "cache",
  LogsDirectory: "logs",
};

/**
 * By what it did, not by what its unit says: a wrapper that leaves a daemon behind (`forking`, `oneshot`) dissolves, and
 * what is left is a program that stays in the foreground, or one that forks by itself.
 */
function tracedType({ notes }: Trace, daemon: Daemon): Launch["type"] {
  const declared = launchType(notes.unit["Type"]);
  if (declared === "notify") return declared;
  if (notes.main === undefined) return declared;
  return daemon.forked ? "forking" : "exec";
}

/** The user that the program was executed as: by its unit, or by a wrapper that changed it first. */
function identityOf({ notes }: Trace, daemon: Daemon, inventory: Inventory) {
  const changed = inventory.users.find(({ uid }) => uid === daemon.uid)?.name;
  const user = changed ?? notes.unit["User"] ?? "root";
  const group = inventory.groups.find(({ gid }) => gid === daemon.gid)?.name ?? notes.unit["Group"];
  return { user, group: group ?? inventory.users.find((fact) => fact.name === user)?.group ?? user };
}

/** A wrapper may have changed its directory and named the program from there. */
function absolute(daemon: Daemon): string {
  const { path } = daemon.exec;
  return path.startsWith("/") ? path : posix.join(workingDirectory(daemon), path);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function launchType(type: string | undefined): Launch["type"] {
  if (type === "notify" || type === "notify-reload") return "notify";
  return type === "forking" || type === "oneshot" ? type : "exec";
}

function workingDirectory(daemon: Daemon): string {
  for (const call of daemon.calls) {
    const directory = call.args
      .map((argument) => /^AT_FDCWD<(\/.*)>$/.exec(argument)?.[1])
      .find((found) => found !== undefined);
    if (call.pid === daemon.exec.pid && directory !== undefined) return directory;
  }
  return "/";
}

/** What systemd and the shell put in by themselves is no part of how the daemon is started. */
function cleanEnvironment(environment: readonly string[], trace: Trace): Readonly<Record<string, string>> {
  const pids = new Set(trace.commands.flatMap(({ calls }) => calls.map(({ pid }) => `${pid}`)));
  const pairs = environment.flatMap((line) => {
    const at = line.indexOf("=");
    const [name, value] = [line.slice(0, at), line.slice(at + 1)];
    // $PIDFILE tells where PID 1 looked for it, in the build root.
    // systemd takes no other names (systemd.exec(5)), and only a program that executes itself anew makes them.
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return [];
    if (at <= 0 || ownVariables.test(name) || value.startsWith("/var/lib/pulumi-jail/build/")) return [];
    // A wrapper's own number, which differs from run to run.
    if (/PID/i.test(name) && pids.has(value)) return [];
    return name === "PATH" && defaultPaths.has(value) ? [] : [[name, value] as const];
  });
  return Object.fromEntries(pairs.sort(([one], [other]) => (one < other ? -1 : 1)));
}

const ownVariables =
  /^(NOTIFY_SOCKET|INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|MAINPID|LISTEN_.*|WATCHDOG_.*|MEMORY_PRESSURE_.*|CREDENTIALS_DIRECTORY|PWD|OLDPWD|SHLVL|_|SHELL)$/;
const defaultPaths: ReadonlySet<string> = new Set([
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
]);

/** The signal that a command of the unit was seen to send to the main process. */
function signalTo(trace: Trace, key: string): string | undefined {
  const calls = trace.commands.filter((command) => command.key === key).flatMap((command) => command.calls);
  const sent = calls.filter(
    (call) =>
      (call.name === "kill" || call.name === "tgkill") && Number.parseInt(call.args[0] ?? "", 10) === trace.notes.main,
  );
  return sent.map((call) => call.args.at(-1)).findLast((signal) => signal?.startsWith("SIG"));
}

/** The unit's LimitNOFILE=, or what a wrapper set before it became the daemon. */
function limitOf(trace: Trace, daemon: Daemon): number | undefined {
  const declared = /^(\d+)/.exec(trace.notes.unit["LimitNOFILE"] ?? "")?.[1];
  const set = daemon.before
    .filter((call) => call.pid === daemon.exec.pid && /^(prlimit64|setrlimit)$/.test(call.name))
    .flatMap((call) => /RLIMIT_NOFILE, \{rlim_cur=([\d*]+)/.exec(call.args.join(", "))?.[1] ?? [])
    .at(-1);
  const value = set ?? declared;
  return value === undefined ? undefined : value.split("*").reduce((product, factor) => product * Number(factor), 1);
}

function logsBySyslog(call: Call): boolean {
  return call.name === "connect" && (call.args[1] ?? "").includes('sun_path="/dev/log"');
}

function makesExecutable(call: Call): boolean {
  return call.name === "mprotect" && (call.args[2] ?? "").includes("PROT_EXEC");
}

/** Whom it was executed as, and whom it changes to by itself; root is left out. */
export function runningUsers(trace: Trace, daemon: Daemon, inventory: Inventory): readonly string[] {
  const changed = daemon.calls
    .filter((call) => /^set(res|re)?uid$/.test(call.name))
    .map((call) => Number(call.args.find((arg) => arg !== "-1")));
  const names = changed.flatMap((uid) => inventory.users.find((user) => user.uid === uid)?.name ?? []);
  return [identityOf(trace, daemon, inventory).user, ...names].filter((name) => name !== "root");
}

/** The unit's user, those that it changes to by itself, owners of what it writes, and those asked for. */
function launchUsers(
  spec: DiscoverySpec,
  user: string,
  trace: Trace,
  daemon: Daemon,
  inventory: Inventory,
  writable: readonly WritableDirectory[],
): readonly LaunchUser[] {
  const byUid = (uid: number | undefined) => inventory.users.find((user) => user.uid === uid)?.name;
  const owners = writable.map(
    ({ path }) => inventory.facts.get(path)?.owner ?? byUid(trace.notes.runtimeDirectories.get(path)?.uid),
  );
  const names = [user, ...runningUsers(trace, daemon, inventory), ...[...owners].sort(), ...spec.users].filter(
    (name): name is string => name !== undefined && name !== "root" && name !== "",
  );
  return [...new Set(names)].map((name) => describeUser(name, inventory));
}

function describeUser(name: string, inventory: Inventory): LaunchUser {
  const fact: UserFact | undefined = inventory.users.find((user) => user.name === name);
  const groups = inventory.groups.filter(({ members }) => members.includes(name)).map((group) => group.name);
  return {
    name,
    group: fact?.group ?? name,
    home: fact?.home ?? "/",
    ...(groups.length > 0 ? { groups: groups.sort() } : {}),
  };
}

/** `tcp 80 ::` or `unix /run/x.sock`. */
function parseListen(line: string): readonly Listen[] {
  const [, protocol, rest = ""] = /^(tcp|udp|unix) (.*)$/.exec(line) ?? [];
  if (protocol === "unix") return [{ protocol, path: rest }];
  if (protocol !== "tcp" && protocol !== "udp") return [];
  const [port = "", address = ""] = rest.split(" ");
  return [{ protocol, jailPort: Number(port), ...(loopbackAddress.test(address) ? { loopback: true } : {}) }];
}

/** What systemd has bound, the daemon does not bind. */
function isPassed({ protocol, jailPort }: Listen, { notes }: Trace): boolean {
  const type = protocol === "udp" ? "datagram" : "stream";
  const listens = notes.sockets.flatMap((socket) => socket.listens);
  return protocol !== "unix" && listens.some((one) => one.type === type && portOf(one.address) === jailPort);
}

/** A datagram socket that only asks others is bound as well, to a port that the kernel draws. */
function isBound(listen: Listen, daemon: Daemon): boolean {
  if (listen.protocol !== "udp") return true;
  const binds = daemon.calls.filter(({ name }) => name === "bind");
  return binds.length === 0 || binds.some(({ args }) => args[1]?.includes(`_port=htons(${listen.jailPort})`));
}

const loopbackAddress = /^(::ffff:)?127\.|^::1$/;

/** The same port on both families is one; it is on the loopback only when all of it is. */
function uniqueListens(listens: readonly Listen[]): readonly Listen[] {
  const found = new Map<string, Listen>();
  for (const listen of listens) {
    const { loopback, ...rest } = listen;
    const key = JSON.stringify(rest);
    found.set(key, loopback && (found.get(key)?.loopback ?? true) ? listen : rest);
  }
  return [...found.values()];
}
