import { HostError } from "../host/errors.ts";
import type { Host, Progress } from "../host/host.ts";
import type { Step } from "../host/step.ts";
import { assembleManifest, type Discovery } from "./assemble-manifest.ts";
import { describeDiscovery } from "./describe.ts";
import { type Inventory, parseInventory } from "./inventory.ts";
import { unpackSections } from "./sections.ts";
import { observeSeeds, seedPaths, withSeeds } from "./seeds.ts";
import type { DiscoverySpec } from "./spec.ts";
import {
  buildRootDirectory,
  inspectBuildRootStep,
  openBuildRootStep,
  sweepBuildRootsStep,
  traceUnitStep,
} from "./steps.ts";
import { parseTrace, type Trace } from "./trace.ts";
import { describeTrial } from "./trial-report.ts";
import { tryJail } from "./try-jail.ts";

export { closeBuildRootStep, openBuildRootStep, sweepBuildRootsStep } from "./steps.ts";

export interface DiscoverOptions {
  /** Names the build root: the same for each run of one jail, so that a run clears what a killed one left. */
  readonly id: string;
  readonly urn: string;
  /** The plan's lock, `jail/NAME`. */
  readonly lock: string;
  readonly progress?: Progress;
}

/** A discovery with its build root still open: copy what the manifest names, then apply `closeBuildRootStep(id)`. */
export interface Discovered extends Discovery {
  /** The pristine tree, read-only. */
  readonly buildRoot: string;
  /** What the user should know of it, a line each; none when all went as it should at the first try. */
  readonly notes: readonly string[];
}

/**
 * Finds out what a jail needs: build root, trace and inventory are steps of one plan; one more starts and probes the daemon
 * in its jail, and each repair round takes one or two.
 */
export async function discover(host: Host, spec: DiscoverySpec, options: DiscoverOptions): Promise<Discovered> {
  const steps = planDiscovery(spec, options.id, options.lock);
  const { outputs } = await host.apply(
    { lock: options.lock, urn: options.urn, deadlineSeconds: spec.discovery.deadlineSeconds + 600, steps },
    options.progress,
  );
  const buildRoot = buildRootDirectory(options.id);
  try {
    const sections = unpackSections(outputs[steps.length - 1] ?? "");
    const trace = parseTrace(sections);
    const inventory = parseInventory(sections.get("inventory") ?? "");
    const late = findLate(spec, trace, inventory);
    if (late.length > 0) {
      options.progress?.(`${late.join(", ")} of the build root is not the newest: once more with that`);
      return await discover(host, { ...spec, renew: [...(spec.renew ?? []), ...late] }, options);
    }
    if (isTried(spec)) {
      const tried = await tryJail(host, spec, { unit: spec.unit, trace, inventory }, options);
      return { ...tried, buildRoot, notes: [...describeDiscovery(spec, tried), ...describeTrial(tried.report.trial)] };
    }
    const discovery = assembleManifest(spec, trace, inventory);
    const paths = seedPaths(discovery.manifest);
    const [seeds] = paths.length > 0 ? await host.ask([observeSeeds(buildRoot, paths)]) : [[]];
    return {
      ...discovery,
      manifest: withSeeds(discovery.manifest, seeds, discovery.changed),
      buildRoot,
      notes: describeDiscovery(spec, discovery),
    };
  } catch (error) {
    if (error instanceof HostError) throw error;
    throw new HostError("discovery", host.label, error instanceof Error ? error.message : String(error));
  }
}

/** Packages that would be in the jail in an older version than apt has; each is renewed at most once. */
function findLate(spec: DiscoverySpec, trace: Trace, inventory: Inventory): readonly string[] {
  if (inventory.late.size === 0) return [];
  const { packages } = assembleManifest(spec, trace, inventory).manifest;
  return [...inventory.late.keys()].filter((name) => packages[name] !== undefined && !spec.renew?.includes(name));
}

/** Only what was seen to run can be asked to run in the jail; a oneshot is over before it could be looked at. */
function isTried(spec: DiscoverySpec): spec is DiscoverySpec & { readonly unit: string } {
  return spec.unit !== undefined && spec.discovery.method === "trace" && (spec.discovery.rounds ?? 3) > 0;
}

/** The plan behind `discover`, to be printed; the last step's output holds all that was found. */
export function planDiscovery(spec: DiscoverySpec, id: string, lock: string): readonly Step[] {
  return [
    sweepBuildRootsStep(id),
    openBuildRootStep(id, lock, spec, spec.discovery.method === "trace" && spec.unit !== undefined),
    ...(spec.unit === undefined || spec.discovery.method === "none" ? [] : [traceUnitStep(id, spec.unit, spec)]),
    inspectBuildRootStep(id, spec),
  ];
}
