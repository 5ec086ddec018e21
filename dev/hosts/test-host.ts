import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isStarted, startHost, stopHost, waitUntilBooted } from "./boot.ts";
import { isFrozen, limitProcessor, setFrozen } from "./control-group.ts";
import { execOn, leaderOf } from "./exec.ts";
import { readFingerprint } from "./fingerprint/read.ts";
import type { Fingerprint } from "./fingerprint/types.ts";
import { hostKeyOf, userKeyPath } from "./host-root.ts";
import { groupName, hostPaths } from "./layout.ts";
import { healHost, isPartitioned, partitionHost } from "./partition.ts";
import { markOf } from "./process-mark.ts";
import { removeHost } from "./teardown.ts";
import type { ExecOptions, ExecResult, HostRecord, HostState, RunRecord } from "./types.ts";

/** A booted Linux host: real systemd, real sshd, a network and a root of its own. */
export interface TestHost {
  readonly name: string;
  /** Its IPv4 address, reachable from this machine and from the run's other hosts. */
  readonly address: string;
  readonly user: "root";
  /** The second user, with a home of its own and `sudo` without a password; the same key lets it in. */
  readonly sudoUser: "ops";
  /** The private key that lets in, in OpenSSH's form. */
  readonly privateKey: string;
  /** File with {@link privateKey}, for the `ssh` client. */
  readonly privateKeyPath: string;
  /** The host's key, `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  /** The host's `/` as a directory of this machine. */
  readonly root: string;
  /** What it is doing now. */
  state(): Promise<HostState>;
  /** Runs a command as root, out of band: not through SSH. Throws when it fails, unless `reject` is false. */
  exec(argv: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  /** Sets a password, for logins by password. (sshd takes root's by key only, unless told otherwise.) */
  setPassword(user: string, password: string): Promise<void>;
  /** Ends it as a power cut does. Files stay. */
  kill(): Promise<void>;
  /** Boots it after {@link kill}, and waits until it takes SSH connections. */
  start(): Promise<void>;
  /** Reboots it in an orderly way and waits until it takes SSH connections again. */
  reboot(): Promise<void>;
  /** Stops every process of it; connections stay open and silent. */
  pause(): Promise<void>;
  /** Ends {@link pause}. */
  resume(): Promise<void>;
  /** Makes it a slow machine: it gets at most so many cores of this one, 0.1 for example; undefined ends it, a kill too. */
  limitProcessor(cores: number | undefined): void;
  /** Cuts it off the network without a word: packets to and from it vanish, its cable still looks up. A reboot heals it. */
  partition(): Promise<void>;
  /** Ends {@link partition}. */
  heal(): Promise<void>;
  /** All it consists of, for comparison; `except` are more paths to leave out, each with all below it. It must be running. */
  fingerprint(except?: readonly string[]): Promise<Fingerprint>;
  /** Ends it and deletes its root. */
  destroy(): Promise<void>;
}

/** The host that a record names; boots nothing. */
export function testHost(record: RunRecord, host: HostRecord): TestHost {
  const group = groupName(host.machine);
  const start = async (): Promise<void> => {
    if (!isStarted(record, host)) await startHost(record, host);
    await waitUntilBooted(record, host);
  };
  return {
    name: host.name,
    address: host.address,
    user: "root",
    sudoUser: "ops",
    privateKey: readFileSync(userKeyPath(record.run), "utf8"),
    privateKeyPath: userKeyPath(record.run),
    hostKey: hostKeyOf(record.run, host.name),
    root: hostPaths(record.run, host.name).root,
    state: () => stateOf(record, host),
    exec: (argv, options) => execOn(host, argv, options),
    setPassword: async (user, password) => {
      await execOn(host, ["chpasswd"], { input: `${user}:${password}\n` });
    },
    kill: () => stopHost(record, host),
    start,
    reboot: async () => {
      const before = leaderOf(host);
      // The command may itself be ended by the reboot.
      await execOn(host, ["systemctl", "reboot"], { reject: false });
      await gone(before);
      await waitUntilBooted(record, host);
    },
    pause: () => setFrozen(group, true),
    resume: () => setFrozen(group, false),
    limitProcessor: (cores) => limitProcessor(group, cores),
    partition: () => partitionHost(record, host),
    heal: () => healHost(record, host),
    fingerprint: (except) => readFingerprint(host, except),
    destroy: () => removeHost(record, host),
  };
}

async function stateOf(record: RunRecord, host: HostRecord): Promise<HostState> {
  if (!existsSync(hostPaths(record.run, host.name).root) || !isStarted(record, host)) return "stopped";
  if (isFrozen(groupName(host.machine))) return "paused";
  if (leaderOf(host) === undefined) return "booting";
  return isPartitioned(host) ? "partitioned" : "running";
}

async function gone(pid: number | undefined): Promise<void> {
  const mark = pid === undefined ? undefined : markOf(pid);
  for (let left = 600; mark !== undefined && markOf(mark.pid)?.startTime === mark.startTime; left -= 1) {
    if (left === 0) throw new Error(`process ${mark.pid} did not end within 30 s of the reboot`);
    await sleep(50);
  }
}
