import type { Launch } from "../manifest/launch.ts";
import type { Seed } from "../manifest/manifest.ts";
import { denyReason, mayCarry } from "./deny.ts";
import { madePaths } from "./fixed.ts";
import { matchesGlob } from "./glob.ts";
import { type Inventory, resolvePath } from "./inventory.ts";
import { parseOwnData, parseSeedLines } from "./seeds.ts";
import { isWritablePlace } from "./writable.ts";

/** How a daemon fared in the tree of just its manifest's entries. */
export interface Trial {
  /** Why it is not well, in words; undefined when it ran as it was traced. */
  readonly problem?: string;
  /** It runs, though it does not listen or answer as it was traced. */
  readonly runs: boolean;
  /** It serves as it was traced, yet systemd waits for it to fork or to say that it is ready. */
  readonly stays?: true;
  /** What it or systemd said, when it is not well. */
  readonly said: readonly string[];
  readonly probes: readonly string[];
  /** Calls that failed, each once. */
  readonly failed: readonly FailedCall[];
  /** What the packages put into the directories that it writes. */
  readonly seeds: readonly Seed[];
  /** Directories in which the host has data of its own, which no jail gets. */
  readonly ownData?: readonly string[];
}

export interface FailedCall {
  readonly error: "ENOENT" | "ENOTDIR" | "EACCES" | "EPERM" | "EROFS";
  /** `open`, `run`, `write`, else the call's own name. */
  readonly how: string;
  /** As the daemon named it; empty for a call without one. */
  readonly path: string;
  /** Where it leads in the build root; undefined when nothing is there. */
  readonly canonical?: string;
}

/** What a repair does with one path. */
export interface Repair {
  /** For a user its name, for a type what our unit's `Type=` becomes. */
  readonly path: string;
  readonly why: string;
  /**
   * `add` puts it into the tree; `carry` does although the deny list has it, as the daemon can't run without that shell;
   * `writable` gives the daemon a directory of its own there; `user` puts the user of that name into passwd and group;
   * `type` starts it by another `Type=`.
   */
  readonly how: "add" | "carry" | "writable" | "user" | "type";
}

/** Parses what step-trial.sh prints, and judges it by the traced run: what listened, and what each probe got. */
export function parseTrial(output: string, tracedProbes: readonly string[]): Trial {
  const lines = output.split("\n").map((line) => line.split("\t").map(unescapeField));
  const values = (kind: string) => lines.flatMap(([first, ...rest]) => (first === kind ? [rest] : []));
  const code = values("code")[0]?.[0];
  if (code === undefined) throw new Error("the host's report of the trial is cut short");
  const probes = values("probe").map(([answer = ""]) => answer);
  const [first = "it did not run", ...rest] = values("said").map(([text = ""]) => text);
  const failed = values("failed").map(([error = "", how = "", path = "", there = "-"]): FailedCall => {
    return { error: error as FailedCall["error"], how, path, ...(there === "-" ? {} : { canonical: there }) };
  });
  // By lines, not by /^/m: what a daemon said may hold a carriage return, which begins a line for a regular expression.
  const seedLines = output.split("\n").filter((line) => line.startsWith("seed\t"));
  const seedText = seedLines.map((line) => `${line.slice("seed\t".length)}\n`).join("");
  const seeds = parseSeedLines(seedText);
  const ownData = parseOwnData(seedText);
  const worse = code === "0" ? tracedProbes.flatMap((traced) => describeWorse(traced, probes)) : [];
  const problem = code === "0" ? worse[0] : first;
  const runs = code === "0" || values("alive").length > 0;
  return {
    ...(problem === undefined ? {} : { problem }),
    runs,
    ...(values("stays").length > 0 && { stays: true }),
    said: code === "0" ? [] : rest,
    probes,
    failed,
    seeds,
    ...(ownData.length > 0 && { ownData }),
  };
}

/** What it listens on that is the same at each start: a port drawn by the kernel is not. */
export function steadyListens(launch: Launch): readonly string[] {
  return launch.listens.flatMap(({ protocol, jailPort, path }) => {
    // What systemd opened outside has another path in the kernel's list, and is there before the daemon is.
    const passed = (launch.sockets ?? []).some(({ listens }) => listens.some(({ address }) => address === path));
    if (protocol === "unix") return path === undefined || passed ? [] : [`unix ${path}`];
    return jailPort === undefined || jailPort >= firstDrawnPort ? [] : [`${protocol} ${jailPort}`];
  });
}

/** What a round may add. */
export interface RepairInput {
  readonly trial: Trial;
  readonly inventory: Inventory;
  readonly launch: Launch;
  readonly exclude: readonly string[];
  /** Of earlier rounds. */
  readonly known: readonly Repair[];
  readonly round: number;
}

/**
 * The repairs of one round: what was looked up in vain and is not denied. Only for a daemon that does not run without,
 * and when there is nothing else, a shell or an interpreter; keys, accounts and home directories are never carried.
 */
export function planRepairs({ trial, inventory, launch, exclude, known, round }: RepairInput): readonly Repair[] {
  const judged = lookedUpInVain(trial, inventory, launch, exclude).map((call) => ({
    ...call,
    denied: denyReason(call.canonical, inventory.facts.get(call.canonical)),
  }));
  const repairs = (calls: typeof judged, how: "add" | "carry") =>
    calls.map(
      (call): Repair => ({
        path: call.path,
        why: `repair round ${round}: ${words[call.how] ?? "looked up"} in the jail`,
        how,
      }),
    );
  const isNew = ({ path, how }: Repair) => !known.some((before) => before.path === path && before.how === how);
  const added = repairs(
    judged.filter(({ denied }) => denied === undefined),
    "add",
  );
  if (trial.problem === undefined) return added.filter(isNew);
  const directories = wantedDirectories(trial, launch).map(
    (path): Repair => ({ path, why: `repair round ${round}: written into in the jail`, how: "writable" }),
  );
  const users = missedUsers(trial, inventory, launch).map(
    (path): Repair => ({ path, why: `repair round ${round}: named by the daemon when it gave up`, how: "user" }),
  );
  // Some do not fork as a child of PID 1, as they were seen to under a wrapper of the distribution's.
  const types: readonly Repair[] =
    trial.stays && launch.type !== "exec"
      ? [{ path: "exec", why: `repair round ${round}: it serves without the end of its start`, how: "type" }]
      : [];
  const first = [...added, ...directories, ...users, ...types].filter(isNew);
  if (first.length > 0) return first;
  return repairs(
    judged.filter(
      ({ denied, how }) => denied !== undefined && mayCarry({ why: denied }) && (how === "run" || how === "open"),
    ),
    "carry",
  ).filter(isNew);
}

/**
 * Configuration may name any user of the system, and looking one up leaves no other trace than the daemon's complaint:
 * a word of a line about users that is a user of the build root.
 */
function missedUsers(trial: Trial, inventory: Inventory, launch: Launch): readonly string[] {
  const lines = trial.said.filter((line) => /user|group|uid|gid|passwd/i.test(line));
  const words = new Set(lines.flatMap((line) => line.split(/[^A-Za-z0-9_-]+/)));
  const known = new Set(["root", ...launch.users.flatMap(({ name, group }) => [name, group])]);
  // A group that has no user of its name gets one, as all names mean the service's own uid and gid.
  const names = [...inventory.users, ...inventory.groups].map(({ name }) => name);
  return [...new Set(names)].filter((name) => words.has(name) && !known.has(name));
}

/**
 * Where the daemon could not write. The trace may not have seen it: a command of the unit that is run before the daemon
 * had made the directory by then.
 */
function wantedDirectories(trial: Trial, launch: Launch): readonly string[] {
  const found = trial.failed.flatMap(({ error, how, path }) => {
    if (!makes.has(how) || (error !== "ENOENT" && error !== "EROFS")) return [];
    // Some keep what they learn beside their configuration; that is theirs only if they do not run without it.
    const directory =
      [parentOf(path), path].find(isWritablePlace) ??
      [parentOf(path)].find((place) => error === "EROFS" && /^\/etc\/[^/]/.test(place));
    if (directory === undefined || launch.writable.some((other) => isWithin(directory, other.path))) return [];
    return [directory];
  });
  return [...new Set(found)];
}

const makes: ReadonlySet<string> = new Set(["write", "mkdir", "mkdirat", "mknod", "mknodat", "symlink", "symlinkat"]);

/** A failed look-up of something that the build root has. */
export interface VainCall extends FailedCall {
  readonly canonical: string;
}

/**
 * Each path once, less what every service has a place of its own for and what is excluded. A script that is there and did
 * not run lacks its interpreter.
 */
export function lookedUpInVain(
  trial: Trial,
  inventory: Inventory,
  launch: Launch,
  exclude: readonly string[],
): readonly VainCall[] {
  const found = new Map<string, VainCall>();
  for (const call of trial.failed) {
    const { error, how, path, canonical } = call;
    if (canonical === undefined || (error !== "ENOENT" && error !== "ENOTDIR")) continue;
    const interpreters = how === "run" ? (inventory.interpreters.get(canonical) ?? []) : [];
    for (const other of [path, ...interpreters]) {
      const place = other === path ? canonical : resolvePath(inventory, other).canonical;
      const mounted = launch.writable.some((directory) => isWithin(place, directory.path));
      const excluded = exclude.some((pattern) => matchesGlob(pattern, place) || matchesGlob(pattern, other));
      if (mounted || excluded || elsewhere.test(other) || elsewhere.test(place) || madePaths.has(place)) continue;
      const before = found.get(other);
      if (before === undefined || before.how !== "run") found.set(other, { ...call, path: other, canonical: place });
    }
  }
  return [...found.values()];
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

const firstDrawnPort = 32768;
const elsewhere = /^\/(proc|sys|dev|run|tmp|var\/tmp|\.trace(-log)?)(\/|$)/;
const words: Readonly<Record<string, string>> = { run: "run", open: "opened", write: "written" };

/** A server that answers 403 or 500 where it answered 200 lacks something, however well it runs. */
function describeWorse(traced: string, probes: readonly string[]): readonly string[] {
  const [, what, answer] = /^(\S+) ok(?: (.*))?$/.exec(traced) ?? [];
  // A command of the build root can't be run in the jail.
  if (what === undefined || what === "exec") return [];
  // Nor can a port be probed again that the kernel drew.
  if (Number(what) >= firstDrawnPort) return [];
  const now = probes.find((probe) => probe.split(" ")[0] === what);
  if (now === undefined) return [`it was not there for the probe of ${what}`];
  return now.split(" ")[1] === "ok" || now === traced
    ? []
    : [`the probe got "${now}" in the jail, and "${what} ok ${answer ?? ""}" in the traced run`];
}

function unescapeField(field: string): string {
  return field.includes("%")
    ? field.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : field;
}
