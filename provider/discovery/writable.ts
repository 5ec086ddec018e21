import type { WritableDirectory } from "../manifest/launch.ts";
import { type Inventory, resolvePath } from "./inventory.ts";
import type { Denied } from "./select.ts";
import type { Touched } from "./touched.ts";
import type { TraceNotes } from "./trace.ts";

export interface Writable {
  readonly directories: readonly WritableDirectory[];
  /** Written by the traced daemon, and read-only in the jail. */
  readonly refused: readonly Denied[];
}

/**
 * Where the daemon needs a place of its own: what its unit declares, the directories that it made or changed something in,
 * and of those that it only looked at its own user's home and empty ones of that user, as it will fill them. State, cache
 * and logs are told by the topmost; below /run each counts, as each has its own mode there. A directory with one of the
 * spec's `files` below stays in the tree unless the daemon wrote there: a data directory is filled once, so that a file
 * that is changed later would never be seen.
 */
export function findWritable(
  touched: Touched,
  notes: TraceNotes,
  inventory: Inventory,
  users: readonly string[],
  repaired: readonly string[] = [],
  files: readonly string[] = [],
): Writable {
  const given = files.map((path) => resolvePath(inventory, path).canonical);
  const holdsGiven = (directory: string) => given.some((path) => path.startsWith(`${directory}/`));
  const found = new Map<string, string>();
  for (const path of repaired) found.set(path, modeOf(path, notes, inventory));
  const refused = new Map<string, string>();
  for (const { path, mode, key } of notes.declaredDirectories) {
    // A unit's words were looked up by nobody, so that this link need not be among the facts.
    const { canonical } = resolvePath(inventory, path.replace(/^\/var\/run(?=\/|$)/, "/run"));
    const declared =
      key === "ReadWritePaths"
        ? writablePlace.test(canonical) && !transient.test(canonical) && !holdsGiven(canonical)
        : key !== "ConfigurationDirectory";
    if (declared) found.set(canonical, mode);
  }
  for (const [path, uses] of touched) {
    const { canonical } = resolvePath(inventory, path);
    if (runtimeState(canonical, notes) && !found.has(canonical))
      found.set(canonical, modeOf(canonical, notes, inventory));
    const fact = inventory.facts.get(canonical);
    if (fact?.type === "directory" && fact.empty && users.includes(fact.owner) && ownPlace.test(canonical)) {
      if (!found.has(canonical)) found.set(canonical, modeOf(canonical, notes, inventory));
    }
    // A daemon wants its key to be its own and nobody else's, and a tree that is shared is no place for one.
    if (fact?.drawn) found.set(parentOf(canonical), "0700");
    const phase = uses.get("written");
    if (phase === undefined || transient.test(canonical)) continue;
    const directory = inventory.facts.get(canonical)?.type === "directory" ? canonical : parentOf(canonical);
    if (found.has(directory)) continue;
    if (writablePlace.test(directory)) found.set(directory, modeOf(directory, notes, inventory));
    else refused.set(canonical, `written at ${phase} by the traced daemon; it is read-only in the jail`);
  }
  for (const { name, home } of inventory.users.filter((user) => users.includes(user.name))) {
    const used = (paths: Iterable<string>) => [...paths].some((path) => path === home || path.startsWith(`${home}/`));
    const own = inventory.facts.get(home)?.owner === name && used(touched.keys());
    if (ownPlace.test(home) && (own || used(found.keys()))) found.set(home, modeOf(home, notes, inventory));
  }
  // Several places of one program in a directory of its own are one place.
  const parents = [...found.keys()].filter((path) => kindOf(path) !== "runtime").map(parentOf);
  for (const parent of parents.filter((path, index) => ownPlace.test(path) && parents.indexOf(path) !== index))
    found.set(parent, modeOf(parent, notes, inventory));
  const directories = [...found]
    .map(([path, mode]): WritableDirectory => ({ path, kind: kindOf(path), mode }))
    .filter(({ path, kind }) => kind === "runtime" || ![...found.keys()].some((other) => path.startsWith(`${other}/`)))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
  const kept = [...refused].filter(([path]) => !found.has(path));
  return { directories, refused: kept.map(([path, why]) => ({ path, why })) };
}

/** A place that a directory of the service's own may be mounted on. */
export function isWritablePlace(directory: string): boolean {
  return !transient.test(directory) && writablePlace.test(directory);
}

/** Places that every service has anyway. */
const transient = /^\/(proc|sys|dev|tmp|var\/tmp)(\/|$)/;
/** A directory of some program's own, or one that is meant to be written into; never /etc, /usr or all of /var/lib. */
const writablePlace =
  /^\/(run|srv\/.+|opt\/.+|home\/.+|var\/log|var\/(?!log$|tmp$|run$|lock$|lib$|cache$|spool$)[^/]+(\/.+)?)$|^\/run\/.+/;

/** Below what all packages share. */
const ownPlace = /^\/(var\/(lib|cache|spool|log)|srv|opt)\/[^/]/;

/** Below /run the daemon may only look for a directory, and miss it later: a lock that it takes at need. */
function runtimeState(path: string, notes: TraceNotes): boolean {
  return notes.runtimeDirectories.has(path) &&
    path.split("/").length > 2 &&
    !/^\/run\/(systemd|lock|log|user|dbus|mount|udev|sudo|utmp)(\/(?!lock)|$)/.test(path)
    ? true
    : /^\/run\/lock\/./.test(path) && notes.runtimeDirectories.has(path);
}

function modeOf(path: string, notes: TraceNotes, inventory: Inventory): string {
  const mode = notes.runtimeDirectories.get(path)?.mode ?? inventory.facts.get(path)?.mode ?? "0755";
  return (Number.parseInt(mode, 8) & 0o1777).toString(8).padStart(4, "0");
}

function kindOf(path: string): WritableDirectory["kind"] {
  if (/^\/run(\/|$)/.test(path)) return "runtime";
  if (/^\/var\/log(\/|$)/.test(path)) return "logs";
  return /^\/var\/cache(\/|$)/.test(path) ? "cache" : "state";
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}
