import type { Launch } from "../manifest/launch.ts";
import { type JailedUnit, renderJailedUnit } from "../systemd/jailed-unit.ts";
import { renderSocketUnit, socketBinds, socketPaths } from "../systemd/socket-unit.ts";

/**
 * The uid of a trial: no service's own, and on every host without a user made for it (systemd knows it by itself). Its
 * daemon runs for a second, in a sandbox, and was run as root by the trace just before.
 */
export const TRIAL_UID = 65534;

/** `sandboxed` is as a jailed service runs it; `bare` is just the tree: it tells what the sandbox is to blame for. */
export type TrialMode = "sandboxed" | "bare";

/** Directories that the daemon writes into, in the order of their seeds. */
export function trialSeeds(launch: Launch): readonly { readonly path: string; readonly mode: string }[] {
  return launch.writable.filter(({ kind }) => kind !== "runtime");
}

/** The sockets that the daemon is handed in its trial, a unit each, as step-trial.sh names them. */
export function renderTrialSockets(id: string, launch: Launch): readonly string[] {
  return (launch.sockets ?? []).map((socket) =>
    renderSocketUnit({
      serviceUnit: `pulumi-jail-trial-${id}.service`,
      mark: trialMark,
      socket,
      places: socketPlaces(id, launch),
      ...trialNetwork(id),
      networkUnit: undefined,
      writeExecuteMemory: false,
      overrides: {},
    }),
  );
}

function trialSocket(id: string, index: number): string {
  return `pulumi-jail-trial-${id}.${index + 1}.socket`;
}

function socketPlaces(id: string, launch: Launch): Readonly<Record<string, string>> {
  const paths = (launch.sockets ?? []).flatMap(socketPaths);
  const directory = `/var/lib/pulumi-jail/build/${id}/trial-sockets`;
  return Object.fromEntries(paths.map((path, index) => [path, `${directory}/${index + 1}`]));
}

const trialMark = "pulumi-jail tries a jail";

/** The one that it was traced in (step-trace.sh). */
function trialNetwork(id: string) {
  return {
    namespacePath: `/run/netns/jail-build-${id}`,
    allowedAddresses: ["localhost", "100.127.255.0/31"],
    network: "private",
  } as const;
}

/** The unit of a trial in the tree of the build root `id`, with strace between systemd and the daemon. */
export function renderTrialUnit(unit: string, id: string, launch: Launch, mode: TrialMode): string {
  const directory = `/var/lib/pulumi-jail/build/${id}`;
  const jailed: JailedUnit = {
    serviceName: unit,
    slot: "trial",
    mark: trialMark,
    rootDirectory: `${directory}/trial`,
    user: `${TRIAL_UID}`,
    uid: TRIAL_UID,
    gid: TRIAL_UID,
    // One that complained of nothing where it was traced may have something to say here.
    launch: { ...launch, reloadSignal: undefined, syslog: true },
    // strace can't set argv[0]: a program that goes by another name is not looked at, only tried.
    execStart: launch.argv0 === undefined ? [...tracer, ...launch.argv] : undefined,
    environment: {},
    credentials: {},
    binds: [
      ...trialSeeds(launch).map(({ path }, index) => ({
        hostPath: `${directory}/trial-data/${index + 1}`,
        jailPath: path,
        readOnly: false,
      })),
      { hostPath: `${directory}/trial-log`, jailPath: "/.trace-log", readOnly: false },
      { hostPath: `${directory}/trial-trace`, jailPath: "/.trace", readOnly: true },
      ...socketBinds(socketPlaces(id, launch)),
      // By which sd_journal_send(3) tells; the other one is for syslog(3).
      { hostPath: "/run/systemd/journal/socket", jailPath: "/run/systemd/journal/socket", readOnly: true },
    ],
    sockets: (launch.sockets ?? []).map((_, index) => trialSocket(id, index)),
    ...trialNetwork(id),
    networkUnit: undefined,
    excludes: undefined,
    limitNOFILE: launch.limitNOFILE,
    startSeconds: 60,
    limits: {},
    writeExecuteMemory: launch.writeExecuteMemory,
    loosened: launch.loosened ?? [],
    overrides: {},
  };
  const text = mode === "sandboxed" ? renderJailedUnit(jailed) : renderBareUnit(jailed);
  return `${text}\n${differences(launch, mode)}`;
}

/** What strace prints is read by step-trial.sh; a tracer that is no parent leaves the daemon the unit's main process. */
const tracer: readonly string[] = [
  "/.trace/strace",
  ...["--library-path", "/.trace/lib", "/.trace/tracer"],
  ...["-D", "-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-o", "/.trace-log/calls", "-e", "signal=none"],
  ...["-e", "trace=?%file,?fchdir,?clone,?clone3,?fork,?vfork,?bind"],
  "--",
];

/** Later lines win. strace needs ptrace (and setreuid, by which it changes nothing), and is to write its log out before it ends. */
function differences(launch: Launch, mode: TrialMode): string {
  return `[Service]
SyslogIdentifier=%n
Restart=no
KillMode=process
RemoveIPC=no
UnsetEnvironment=${locale.filter((name) => launch.environment[name] === undefined).join(" ")}
${mode === "bare" ? "PrivateDevices=yes" : "SystemCallFilter=ptrace process_vm_readv process_vm_writev kcmp setreuid"}
`;
}

/** PID 1's own locale is this host's: what it makes a daemon look up is no part of a tree that is the same everywhere. */
const locale: readonly string[] = [
  ...["LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME"],
  ...["LC_COLLATE", "LC_MONETARY", "LC_MESSAGES"],
];

/** No sandbox but the tree and a network of its own, and root where the distribution starts the daemon as root. */
function renderBareUnit(jailed: JailedUnit): string {
  const dropped =
    /^(NoExecPaths|Private(Devices|Users)|Protect\w+|ProcSubset|CapabilityBoundingSet|AmbientCapabilities|NoNewPrivileges|Restrict\w+|LockPersonality|MemoryDenyWriteExecute|UMask|KeyringMode|DevicePolicy|SystemCall\w+|IPAddress\w+)=/;
  const asRoot = jailed.launch.user === "root";
  return renderJailedUnit(jailed)
    .split("\n")
    .filter((line) => !dropped.test(line) && !(asRoot && /^(User|Group)=/.test(line)))
    .join("\n");
}
