import type { Entry } from "../manifest/manifest.ts";
import { denyReason, denyReasonOfFull } from "./deny.ts";
import { fixedLibraries, fixedPaths, madePaths, topLevelPaths } from "./fixed.ts";
import { matchesGlob } from "./glob.ts";
import { type Fact, type Inventory, resolvePath } from "./inventory.ts";
import type { DiscoverySpec } from "./spec.ts";
import type { Touched, Use } from "./touched.ts";
import type { Phase } from "./trace.ts";
import type { Repair } from "./trial.ts";

export interface Selection {
  /** Sorted by path. */
  readonly entries: readonly Entry[];
  /** What the trace touched and the deny list kept out, sorted by path. */
  readonly denied: readonly Denied[];
}

export interface Denied {
  readonly path: string;
  /** "is a shell"; `mayCarry` tells whether it may come in after all. */
  readonly why: string;
  /** How the daemon used it, most telling first, and when: what was only examined is mostly no need. */
  readonly use?: Use;
  readonly phase?: Phase;
}

export interface SelectionInput {
  readonly spec: DiscoverySpec;
  readonly inventory: Inventory;
  readonly touched: Touched;
  /** The programs that are the service itself: never denied, nor are their interpreters. */
  readonly programs: readonly string[];
  /** Directories outside the tree that are mounted over it: they are in as mount points, what lies below is not. */
  readonly mounted: readonly string[];
  /** What the daemon looked up in its jail in vain. */
  readonly repairs?: readonly Repair[];
}

/** The files of a jail, each with the reasons why: touched by the daemon, needed by those, fixed, declared; less what is denied. */
export function selectEntries(input: SelectionInput): Selection {
  const { spec, inventory, touched, programs, mounted, repairs = [] } = input;
  const whys = new Map<string, Set<string>>();
  const denied = new Map<string, string>();
  const queue: string[] = [];
  const full = spec.content === "full";
  const reasonOf = full ? denyReasonOfFull : denyReason;
  const declared = new Set(declaredPaths(spec, inventory, programs));
  const exempt = new Set([...declared, ...withLinks(includedPaths(spec, inventory), inventory)]);

  const add = (path: string, why: string, options: { readonly always?: boolean } = {}) => {
    const { links, canonical, exists } = resolvePath(inventory, path);
    // Also on the way to what is not there yet: a pid file's /var/run. Its own name may be drawn by chance.
    const onTheWay = `link on the way to ${exists ? path : parentOf(path)}`;
    const always = options.always === true || exempt.has(path) || exempt.has(canonical);
    const kept = !exists || isKept(canonical, always);
    for (const link of links) {
      // Of what is kept out, only the links to directories come: the last one would lead nowhere.
      const leadsTo = inventory.facts.get(resolvePath(inventory, link).canonical);
      if (kept || leadsTo?.type === "directory") admit(link, link === path ? why : onTheWay, always);
    }
    if (exists && kept) admit(canonical, why, always);
  };
  const isKept = (path: string, always: boolean): boolean => {
    if (!declared.has(path) && spec.exclude.some((pattern) => matchesGlob(pattern, path))) return false;
    if (always || exempt.has(path)) return true;
    const reason = isElsewhere(path, mounted) ? undefined : reasonOf(path, inventory.facts.get(path));
    if (reason !== undefined) denied.set(path, reason);
    return reason === undefined;
  };
  const admit = (path: string, why: string, always: boolean) => {
    if (path === "/" || madePaths.has(path) || isElsewhere(path, mounted) || !isCopied(inventory.facts.get(path)))
      return;
    if (!isKept(path, always)) return;
    const known = whys.get(path);
    whys.set(path, (known ?? new Set()).add(why));
    if (known === undefined) queue.push(path);
  };

  const followNeeds = () => {
    for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
      const ran = [...(whys.get(path) ?? [])].some((why) => /^(run |included|the service|repair round)/.test(why));
      for (const [other, why] of needsOf(path, inventory, ran)) add(other, why);
    }
  };

  for (const program of programs) add(program, "the service's own program", { always: true });
  for (const [path, uses] of touched) for (const why of reasonsFor(uses)) add(path, why);
  for (const { path, why } of fixedPaths) add(path, why);
  spec.include.forEach((_, index) => {
    for (const path of inventory.included[index] ?? []) add(path, `included by include[${index}]`, { always: true });
  });
  for (const path of Object.keys(spec.files)) add(path, "given in files", { always: true });
  if (full) for (const path of inventory.facts.keys()) add(path, "of the whole system");
  for (const path of topLevelPaths) add(path, "fixed list: top-level directory");
  for (const path of mounted) add(path, "mount point of a writable directory", { always: true });
  for (const { path, why, how } of repairs)
    if (how === "add" || how === "carry") add(path, why, { always: how === "carry" });

  followNeeds();
  for (const { soname, why } of fixedLibraries) {
    const path = inventory.libraries.get(soname);
    if (path !== undefined && usesGlibc(whys)) add(path, why);
  }
  followNeeds();
  return {
    entries: renderEntries(whys, inventory, mounted),
    denied: [...denied]
      .map(([path, why]) => ({ path, why, ...useOf(path, touched, inventory) }))
      .sort((one, other) => compare(one.path, other.path)),
  };
}

/** Under whichever name the daemon knew it. */
function useOf(path: string, touched: Touched, inventory: Inventory): Pick<Denied, "use" | "phase"> {
  const names = [...touched].filter(([name]) => name === path || resolvePath(inventory, name).canonical === path);
  for (const use of ["run", "opened", "listed", "written", "examined"] as const) {
    const phase = names.map(([, uses]) => uses.get(use)).find((found) => found !== undefined);
    if (phase !== undefined) return { use, phase };
  }
  return {};
}

function reasonsFor(uses: ReadonlyMap<Use, string>): readonly string[] {
  const reasons: string[] = [];
  const tell = (use: Use, words: string) => {
    const phase = uses.get(use);
    if (phase !== undefined) reasons.push(`${words} ${phase === "probe" ? "while probed" : `at ${phase}`}`);
  };
  tell("run", "run");
  tell("opened", "opened");
  tell("listed", "listed directory");
  // What was opened was examined first, mostly: that tells nothing more.
  if (reasons.length === 0) tell("examined", "examined");
  if (reasons.length === 0) tell("written", "written");
  return reasons;
}

/** Programs of the service and `files`: neither the deny list nor `exclude` takes them out. */
function declaredPaths(spec: DiscoverySpec, inventory: Inventory, programs: readonly string[]): readonly string[] {
  const interpreters = programs.flatMap(
    (path) => inventory.interpreters.get(resolvePath(inventory, path).canonical) ?? [],
  );
  return withLinks([...programs, ...interpreters, ...Object.keys(spec.files)], inventory);
}

function includedPaths(spec: DiscoverySpec, inventory: Inventory): readonly string[] {
  return spec.include.flatMap((_, index) => inventory.included[index] ?? []);
}

/** By the name used, the links on its way and where it leads. */
function withLinks(paths: readonly string[], inventory: Inventory): readonly string[] {
  return paths.flatMap((path) => {
    const { links, canonical } = resolvePath(inventory, path);
    return [path, canonical, ...links];
  });
}

function needsOf(path: string, inventory: Inventory, ran: boolean): readonly (readonly [string, string])[] {
  const elf = inventory.elf.get(path);
  if (elf !== undefined) {
    return [
      ...(elf.interpreter === undefined ? [] : [[elf.interpreter, `interpreter of ${path}`] as const]),
      ...elf.needed.flatMap((library) =>
        library.path === undefined ? [] : [[library.path, `needed by ${path}`] as const],
      ),
    ];
  }
  // A script that was only read is data; one that runs needs its interpreter.
  if (!ran) return [];
  return (inventory.interpreters.get(path) ?? []).map(
    (interpreter) => [interpreter, `interpreter of ${path}`] as const,
  );
}

function usesGlibc(whys: ReadonlyMap<string, unknown>): boolean {
  return [...whys.keys()].some((path) => path.endsWith("/libc.so.6"));
}

/** Below what the kernel or the service mounts, nothing of the tree would be seen. */
function isElsewhere(path: string, mounted: readonly string[]): boolean {
  return (
    /^\/(proc|sys|dev|run|tmp|var\/tmp)(\/|$)/.test(path) ||
    mounted.some((directory) => path.startsWith(`${directory}/`))
  );
}

function isCopied(fact: Fact | undefined): boolean {
  return fact?.type === "file" || fact?.type === "directory" || fact?.type === "symlink";
}

function renderEntries(
  whys: ReadonlyMap<string, ReadonlySet<string>>,
  inventory: Inventory,
  mounted: readonly string[],
): readonly Entry[] {
  const entries = new Map<string, Entry>();
  const put = (entry: Entry) => {
    if (!entries.has(entry.path)) entries.set(entry.path, entry);
  };
  for (const [path, reasons] of [...whys].sort(([one], [other]) => compare(one, other))) {
    const fact = inventory.facts.get(path);
    if (fact !== undefined) put(renderEntry(path, fact, [...reasons]));
  }
  for (const path of mounted) {
    if (!isElsewhere(path, [])) put(directory(path, "0755", "mount point of a writable directory"));
  }
  for (const path of [...entries.keys()].sort(compare)) {
    for (let above = parentOf(path); above !== "/"; above = parentOf(above)) {
      const fact = inventory.facts.get(above);
      const why = `parent of ${path}`;
      put(fact?.type === "directory" ? renderEntry(above, fact, [why]) : directory(above, "0755", why));
    }
  }
  return [...entries.values()].sort((one, other) => compare(one.path, other.path));
}

/** Setid bits never go into a jail. */
function renderEntry(path: string, fact: Fact, reasons: readonly string[]): Entry {
  const mode = (Number.parseInt(fact.mode, 8) & (fact.type === "directory" ? 0o1777 : 0o777))
    .toString(8)
    .padStart(4, "0");
  const common = { path, mode, owner: fact.owner, group: fact.group };
  const origin = {
    ...(fact.package === undefined ? {} : { package: fact.package }),
    ...(fact.version === undefined ? {} : { version: fact.version }),
    why: shortReasons(reasons),
  };
  if (fact.type === "symlink") return { ...common, mode: "0777", kind: "symlink", target: fact.detail, ...origin };
  if (fact.type === "directory") return { ...common, kind: "directory", ...origin };
  return { ...common, kind: "file", sha256: fact.detail, size: fact.size, ...origin };
}

/** At most three of a kind: libc is needed by everything. */
function shortReasons(reasons: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return [...reasons].sort(compare).filter((reason) => {
    const kind = reason.split(" ").slice(0, 2).join(" ");
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return count <= 3;
  });
}

function directory(path: string, mode: string, why: string): Entry {
  return { path, kind: "directory", mode, owner: "root", group: "root", why: [why] };
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** By code unit, as the order must be the same under every locale. */
function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
