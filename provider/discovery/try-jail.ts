import { HostError } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import type { Step } from "../host/step.ts";
import { type Loosening, loosenings } from "../manifest/launch.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { assembleManifest, type Discovery, type TrialReport } from "./assemble-manifest.ts";
import type { DiscoverOptions } from "./discover.ts";
import { type Inventory, parseInventory } from "./inventory.ts";
import { leastLoosening } from "./loosen.ts";
import { unpackSections } from "./sections.ts";
import { withSeeds } from "./seeds.ts";
import type { DiscoverySpec } from "./spec.ts";
import { inspectBuildRootStep, trialJailStep } from "./steps.ts";
import type { Trace } from "./trace.ts";
import { lookedUpInVain, parseTrial, planRepairs, type Repair, type Trial } from "./trial.ts";
import { describeFailure, describeRound, unreadableIn } from "./trial-report.ts";
import type { TrialMode } from "./trial-unit.ts";

/** What the trial begins with: the traced run, what is in the build root, and the unit that is tried. */
export interface Traced {
  readonly unit: string;
  readonly trace: Trace;
  readonly inventory: Inventory;
}

/**
 * Starts and probes the daemon in its jail before the jail counts. Each round adds what the daemon looked up there in
 * vain; then the least of the sandbox is loosened that it runs with. A daemon that does not run even without a sandbox is an
 * error, and one that only the sandbox stops is told in the report, as its service may loosen that by `hardening`.
 */
export async function tryJail(
  host: Host,
  spec: DiscoverySpec,
  { unit, trace, inventory: first }: Traced,
  options: DiscoverOptions,
): Promise<Discovery> {
  const most = spec.discovery.rounds ?? 3;
  const rounds: (readonly Repair[])[] = [];
  let inventory = first;
  let discovery = assembleManifest(spec, trace, inventory);
  const run = async (step: Step) => {
    const plan = { lock: options.lock, urn: options.urn, deadlineSeconds: spec.discovery.deadlineSeconds + 120 };
    const { outputs } = await host.apply({ ...plan, steps: [step] }, options.progress);
    return outputs[0] ?? "";
  };
  const attempt = async (loosened: readonly Loosening[], mode: TrialMode = "sandboxed") => {
    const manifest = loosen(discovery.manifest, loosened);
    return parseTrial(await run(trialJailStep(options.id, unit, spec, manifest, mode)), trace.notes.probes);
  };
  const vainIn = (trial: Trial) => lookedUpInVain(trial, inventory, discovery.manifest.launch, spec.exclude);
  const nextRepairs = async (trial: Trial) => {
    const unknown = vainIn(trial).filter(({ canonical }) => !inventory.facts.has(canonical));
    if (unknown.length > 0) {
      const repaired = rounds.flat().filter(({ how }) => how !== "user" && how !== "type");
      const paths = [...repaired, ...unknown].map(({ path }) => path);
      inventory = inventoryIn(await run(inspectBuildRootStep(options.id, spec, paths)));
    }
    const { launch } = discovery.manifest;
    const round = rounds.length + 1;
    return planRepairs({ trial, inventory, launch, exclude: spec.exclude, known: rounds.flat(), round });
  };
  const repaired = async (loosened: readonly Loosening[]): Promise<Trial> => {
    let trial = await attempt(loosened);
    while (rounds.length < most) {
      const repairs = await nextRepairs(trial);
      if (repairs.length === 0) return trial;
      rounds.push(repairs);
      options.progress?.(describeRound(repairs, rounds.length));
      discovery = assembleManifest(spec, trace, inventory, rounds.flat());
      // What a daemon that runs looked for besides is put in, and proves nothing more.
      if (trial.problem === undefined) return { ...trial, failed: [] };
      trial = await attempt(loosened);
    }
    return trial;
  };
  const report = (trial: Trial, more: Pick<TrialReport, "loosened" | "refused"> = {}): Discovery => {
    const vain = [...new Set(vainIn(trial).map(({ path }) => path))].sort();
    const told: TrialReport = { rounds, lookedUpInVain: vain, ...more };
    const manifest = withSeeds(loosen(discovery.manifest, more.loosened ?? []), trial.seeds, discovery.changed);
    return { ...discovery, manifest, report: { ...discovery.report, trial: told } };
  };

  const trial = await repaired([]);
  if (trial.problem === undefined) return report(trial);
  options.progress?.("it does not run under the whole sandbox: looking for what to loosen");
  // With all of it loosened a daemon may come further, to where it needs other files.
  const found = await leastLoosening((loosened) => (loosened === loosenings ? repaired(loosened) : attempt(loosened)));
  if (found !== undefined) return report(found.trial, { loosened: found.loosened });
  const bare = await attempt([], "bare");
  // What is left out on purpose may be what it served by.
  const shunned = bare.runs && spec.exclude.length > 0;
  if (bare.problem === undefined || shunned)
    return report(trial, {
      refused: { problem: trial.problem, said: trial.said, unreadable: unreadableIn(trial), shunned },
    });
  const failure = { unit, spec, trial, bare, rounds, vain: vainIn(trial), inventory };
  throw new HostError("discovery", host.label, describeFailure(failure));
}

function loosen(manifest: Manifest, loosened: readonly Loosening[]): Manifest {
  return loosened.length === 0 ? manifest : { ...manifest, launch: { ...manifest.launch, loosened } };
}

function inventoryIn(output: string): Inventory {
  return parseInventory(unpackSections(output).get("inventory") ?? "");
}
