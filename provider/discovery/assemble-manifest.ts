import type { Launch, Loosening } from "../manifest/launch.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";
import { isInterpreter } from "./deny.ts";
import { probeImportsOf } from "./describe.ts";
import { type Fact, type Inventory, resolvePath } from "./inventory.ts";
import { deriveLaunch, plainLaunch, runningUsers } from "./launch.ts";
import { findDaemon } from "./processes.ts";
import { changedDirectories } from "./seeds.ts";
import { type Denied, selectEntries } from "./select.ts";
import type { DiscoverySpec } from "./spec.ts";
import { findTouched, type Touched } from "./touched.ts";
import type { Trace } from "./trace.ts";
import type { Repair } from "./trial.ts";
import { findWritable } from "./writable.ts";

/** What discovery found, for the manifest and for people. */
export interface Discovery {
  readonly manifest: Manifest;
  /** What the daemon touched or wrote, and will not find or cannot write in the jail. */
  readonly denied: readonly Denied[];
  /** Writable directories in which it changed files that were there before it ran. */
  readonly changed: readonly string[];
  readonly report: DiscoveryReport;
}

export interface DiscoveryReport {
  readonly files: number;
  readonly bytes: number;
  /** What each probe got, such as `80 ok http 200`. */
  readonly probes: readonly string[];
  /** Files that came in by the probes alone, besides what start, reload and stop used. */
  readonly probeImports: readonly { readonly path: string; readonly why: string }[];
  /** Packages without which it did not start, although those asked for only recommend them. */
  readonly recommended: readonly string[];
  /** Setuid and setgid files whose bits were taken off. */
  readonly setid: number;
  /** How the daemon fared in its jail; undefined when it was not tried there. */
  readonly trial?: TrialReport;
}

/** What a person wants to know of the trial. */
export interface TrialReport {
  /** What each repair round added, or carried although it is denied. */
  readonly rounds: readonly (readonly Repair[])[];
  /** Paths that it looked up in vain in its last run, and that the build root has: denied or excluded ones, mostly. */
  readonly lookedUpInVain: readonly string[];
  /** What of the sandbox it does not run in; absent when it runs in all of it. */
  readonly loosened?: readonly Loosening[];
  /** Set when it runs in the tree, yet not under the sandbox that services have by default: why, and what it said. */
  readonly refused?: {
    readonly problem: string;
    readonly said: readonly string[];
    readonly unreadable: readonly string[];
    /** Not without a sandbox either, but it runs, and `exclude` may be why it does not listen. */
    readonly shunned: boolean;
  };
}

/** Turns a trace and an inventory into a manifest; throws an Error with a sentence when there is no daemon in it. */
export function assembleManifest(
  spec: DiscoverySpec,
  trace: Trace,
  inventory: Inventory,
  repairs: readonly Repair[] = [],
): Discovery {
  const daemon = spec.discovery.method === "trace" && spec.unit !== undefined ? findDaemon(trace) : undefined;
  if (daemon === undefined && spec.discovery.method === "trace" && spec.unit !== undefined) {
    throw new Error(`the trace of ${spec.unit} does not show its main process`);
  }
  const touched: Touched = daemon === undefined ? new Map() : findTouched(daemon.calls, trace.notes);
  const repaired = (kind: Repair["how"]) => repairs.flatMap(({ path, how }) => (how === kind ? [path] : []));
  const directories = repaired("writable");
  const users = daemon === undefined ? [] : runningUsers(trace, daemon, inventory);
  const writable = findWritable(touched, trace.notes, inventory, users, directories, Object.keys(spec.files));
  const derived =
    daemon === undefined
      ? plainLaunch(spec, trace, inventory)
      : deriveLaunch(
          { ...spec, users: [...spec.users, ...repaired("user")] },
          trace,
          daemon,
          inventory,
          writable.directories,
        );
  const launch: Launch = repaired("type").length > 0 ? { ...derived, type: "exec" } : derived;
  const program = daemon === undefined ? launch.argv.slice(0, 1) : [daemon.exec.path];
  const programs = spec.discovery.method === "none" ? [] : [...new Set([...program, ...(spec.programs ?? [])])];
  const mounted = launch.writable
    .filter(({ kind }) => kind !== "runtime")
    .map(({ path }) => resolvePath(inventory, path).canonical);
  const { entries, denied } = selectEntries({ spec, inventory, touched, programs, mounted, repairs });
  const interpreters = entries
    .filter(({ path, kind }) => kind === "file" && isInterpreter(path))
    .map(({ path, why }) => ({
      path,
      why: why.find((reason) => /^(interpreter|the|included|repair|run) /.test(reason)) ?? why[0] ?? "",
    }));
  return {
    manifest: {
      schema: 1,
      source: spec.source ?? "host",
      ...describePackages(packagesOf(entries, inventory), inventory),
      entries,
      launch,
      ...(interpreters.length > 0 ? { interpreters } : {}),
    },
    denied: [...denied, ...writable.refused],
    changed: changedDirectories(mounted, touched, inventory),
    report: {
      files: entries.filter(({ kind }) => kind === "file").length,
      bytes: entries.reduce((sum, entry) => sum + (entry.size ?? 0), 0),
      probes: trace.notes.probes,
      probeImports: probeImportsOf(entries),
      recommended: trace.notes.recommended,
      setid: entries.filter(({ path, kind }) => kind === "file" && isSetid(inventory.facts.get(path))).length,
    },
  };
}

function isSetid(fact: Fact | undefined): boolean {
  return fact !== undefined && (Number.parseInt(fact.mode, 8) & 0o6000) !== 0;
}

/** Nothing is told of where packages are from by an inventory that says nothing of it. */
function describePackages(
  packages: Manifest["packages"],
  { origins, platform }: Inventory,
): Pick<Manifest, "packages" | "origins" | "platform"> {
  const known = Object.keys(packages).flatMap((name) => {
    const origin = origins.get(name);
    return origin === undefined ? [] : [[name, origin] as const];
  });
  return { packages, ...(known.length > 0 && { origins: Object.fromEntries(known) }), ...(platform && { platform }) };
}

function packagesOf(entries: readonly Entry[], inventory: Inventory): Readonly<Record<string, string>> {
  const owners = entries.flatMap((entry) =>
    entry.package === undefined || entry.version === undefined ? [] : [[entry.package, entry.version] as const],
  );
  return Object.fromEntries([...owners, ...inventory.versions].sort(([one], [other]) => (one < other ? -1 : 1)));
}
