import type { Launch } from "../manifest/launch.ts";
import { environmentAssignment, execLine, plainPath, plainValue } from "./escape.ts";
import { type HardeningFor, hardening } from "./hardening.ts";
import { type Directive, renderUnit } from "./unit.ts";

/** All that the unit of one slot is made from. */
export interface JailedUnit extends HardeningFor {
  readonly serviceName: string;
  readonly slot: string;
  readonly mark: string;
  readonly rootDirectory: string;
  /** The service's own user on the host. */
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
  readonly launch: Launch;
  readonly execStart: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  /** File on the host by the credential's name. */
  readonly credentials: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  /** Path of the namespace's file; undefined when the network is not private. */
  readonly namespacePath: string | undefined;
  readonly networkUnit: string | undefined;
  /** The other slot must not run beside this one: they share data. */
  readonly excludes: string | undefined;
  readonly allowedAddresses: readonly string[];
  readonly limitNOFILE: number | undefined;
  readonly startSeconds: number;
  readonly limits: LiveLimits;
  /** Socket units that it gets its descriptors from. */
  readonly sockets?: readonly string[];
}

/** A path of the host that is bound over one of the jail. */
export interface Bind {
  /** On the host. */
  readonly hostPath: string;
  readonly jailPath: string;
  readonly readOnly: boolean;
}

/** Limits that a running process takes over with a daemon-reload: no part of what makes a switchover. */
export interface LiveLimits {
  readonly memoryMax?: string;
  readonly cpuQuota?: string;
  readonly tasksMax?: number;
}

/** The unit of one slot of a service. */
export function renderJailedUnit(unit: JailedUnit): string {
  const needed = [unit.networkUnit, ...(unit.sockets ?? [])].filter((name) => name !== undefined);
  return renderUnit(unit.mark, [
    {
      name: "Unit",
      directives: [
        ["Description", plainValue(`Jailed service ${unit.serviceName}, slot ${unit.slot}`)],
        ["Requires", needed],
        // Never Requires= on the rules: each restart of them would restart every service.
        ["Wants", unit.networkUnit && "pulumi-jail-rules.service"],
        ["After", [...needed, "pulumi-jail-rules.service network.target", ...(unit.excludes ? [unit.excludes] : [])]],
        ["Conflicts", unit.excludes],
        // A service that fails for a while, say for want of its database, is tried for ever.
        ["StartLimitIntervalSec", "0"],
      ],
    },
    { name: "Service", directives: serviceDirectives(unit) },
    { name: "Install", directives: [["WantedBy", "multi-user.target"]] },
  ]);
}

function serviceDirectives(unit: JailedUnit): readonly Directive[] {
  const { launch } = unit;
  return [
    ["Type", launch.type],
    ["Sockets", unit.sockets],
    ["Slice", "system.slice"],
    ["NotifyAccess", launch.type === "notify" ? (launch.notifyAccess ?? "main") : undefined],
    ["ExecStart", unit.execStart ? execLine(unit.execStart) : execLine(launch.argv, launch.argv0)],
    ...reload(launch.reloadSignal),
    ["Restart", launch.type === "oneshot" ? undefined : "always"],
    ["RestartSec", "1"],
    ["RemainAfterExit", launch.type === "oneshot" ? "yes" : undefined],
    // Ours is for a daemon that does not come up; one that recovers its data after a crash gets what its unit gives it.
    ["TimeoutStartSec", atLeast(unit.startSeconds, launch.timeoutStartSeconds)],
    ["TimeoutStopSec", atLeast(30, launch.timeoutStopSeconds)],
    ["KillMode", "mixed"],
    ["KillSignal", launch.killSignal],
    ["SendSIGKILL", launch.sendSIGKILL === false ? "no" : undefined],
    ["SuccessExitStatus", launch.successExitStatus],
    ["SyslogIdentifier", unit.serviceName],
    ["User", unit.user],
    ["Group", unit.user],
    ["RootDirectory", plainPath(unit.rootDirectory)],
    ["WorkingDirectory", plainPath(launch.workingDirectory)],
    ["Environment", environment({ ...identity(launch), ...launch.environment, ...unit.environment })],
    ["LoadCredential", Object.entries(unit.credentials).map(([name, file]) => `${name}:${plainPath(file)}`)],
    ["TemporaryFileSystem", temporaryFileSystems(unit)],
    ["BindPaths", bindLines(unit.binds, false)],
    ["BindReadOnlyPaths", [...bindLines(unit.binds, true), ...(launch.syslog ? [journalSocket] : [])]],
    ["NoExecPaths", noExecPaths(unit)],
    ["PrivateNetwork", unit.network === "host" ? undefined : "yes"],
    ["NetworkNamespacePath", unit.namespacePath],
    ["LimitNOFILE", unit.limitNOFILE?.toString()],
    ["LimitMEMLOCK", launch.limitMEMLOCK === undefined ? undefined : plainValue(launch.limitMEMLOCK)],
    ["OOMScoreAdjust", launch.oomScoreAdjust?.toString()],
    ...hardening(unit, unit.allowedAddresses),
    ["MemoryMax", unit.limits.memoryMax],
    ["CPUQuota", unit.limits.cpuQuota],
    ["TasksMax", unit.limits.tasksMax?.toString()],
  ];
}

/** The larger one; 0 is for ever. */
function atLeast(seconds: number, asked: number | undefined): string {
  return asked === 0 ? "infinity" : `${Math.max(seconds, asked ?? 0)}`;
}

/** The jail has no kill: `+` runs the host's, outside of the jail, which StartOnly makes possible. */
function reload(signal: string | undefined): readonly Directive[] {
  if (!signal) return [];
  return [
    ["RootDirectoryStartOnly", "yes"],
    ["ExecReload", `+/bin/kill -${signal.replace(/^SIG/, "")} $MAINPID`],
  ];
}

/** systemd would tell the host's name of the user and a home that is nowhere; in the jail they are the packaged ones. */
function identity({ user, users }: Launch): Readonly<Record<string, string>> {
  const own = users.find(({ name }) => name === user);
  return own === undefined ? {} : { HOME: own.home, LOGNAME: own.name, USER: own.name };
}

function environment(variables: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(variables)
    .sort()
    .map((name) => environmentAssignment(name, variables[name] ?? ""));
}

/** Without a size the service could fill the host's memory; each mount needs its own noexec. */
function temporaryFileSystems({ launch, uid, gid, binds }: JailedUnit): readonly string[] {
  const bound = new Set(binds.map((bind) => bind.jailPath));
  const owned = launch.writable.filter(
    ({ kind, path }) => kind === "runtime" && !bound.has(path) && !["/run", "/tmp", "/var/tmp"].includes(path),
  );
  // A daemon that starts as root may put its process id or a socket into /run itself.
  const writesRun = launch.writable.some(({ path }) => path === "/run");
  return [
    `/run:${writesRun ? `uid=${uid},gid=${gid},` : ""}mode=0755,nodev,nosuid,noexec,size=4M`,
    // PrivateDevices= shows the host's own, which is shared by all, executable and half of the memory (namespace.c).
    "/dev/shm:mode=1777,nodev,nosuid,noexec,size=256M",
    ...owned.map(
      ({ path, mode }) => `${plainPath(path)}:uid=${uid},gid=${gid},mode=${mode},nodev,nosuid,noexec,size=16M`,
    ),
  ];
}

/** /dev/log of a private /dev is a link to it (systemd.exec(5)); the journal knows by itself who says something. */
const journalSocket = "-/run/systemd/journal/dev-log";

function bindLines(binds: readonly Bind[], readOnly: boolean): readonly string[] {
  return binds
    .filter((bind) => bind.readOnly === readOnly)
    .map((bind) => `${plainPath(bind.hostPath)}:${plainPath(bind.jailPath)}`);
}

/**
 * With RootDirectory= a path means the jail's only behind a `+`. A path that is a TemporaryFileSystem= must not be here:
 * systemd keeps one of two entries for a path, and it is this one (namespace.c, drop_duplicates).
 */
function noExecPaths({ binds }: JailedUnit): string {
  const writable = binds.filter((bind) => !bind.readOnly).map((bind) => `+${plainPath(bind.jailPath)}`);
  return [...writable, "+/tmp", "+/var/tmp"].join(" ");
}
