import { StepFailed } from "../host/errors.ts";
import type { Step } from "../host/step.ts";
import { sweepState } from "../host/steps/files.ts";
import { mayDelete } from "../ownership/ownership.ts";
import type { Call } from "../resource/kind.ts";
import { planAddresses } from "./address.ts";
import { mappingsOf } from "./drift.ts";
import { isForeign, see } from "./edge.ts";
import type { PortMappingInputs, PortMappingOutputs } from "./inputs.ts";
import type { Edge } from "./observed.ts";
import { foundOf } from "./owned.ts";
import { planRemoval } from "./plan.ts";
import { generationOf } from "./unit.ts";
import { planUnwatch } from "./watch.ts";

const STALE = 79;
const ROUNDS = 30;

/** Takes the mapping out of the proxy; with the last one, the whole edge goes. What was superseded is left alone. */
export async function remove(call: Call, state: PortMappingInputs & PortMappingOutputs): Promise<void> {
  const name = state.mappingName;
  for (let round = 0; round < ROUNDS; round++) {
    const { edge, jail, addresses } = await see(call.host, state.bindPort, state.mappingName);
    const found = foundOf(edge, name, state.claim);
    if (found.state !== "nothing" && !mayDelete(found, state.claim)) return;
    const proxySteps = planRemove(
      name,
      state.drainSeconds,
      jail?.digest ?? generationOf(edge.unitFile?.text ?? ""),
      edge,
    );
    // The address goes first: another edge serves by then.
    const others = mappingsOf(edge).filter((mapping) => mapping.name !== name);
    const addressSteps = isForeign(edge) ? [] : await planAddresses(call, name, others, edge.guard, addresses);
    // The watcher before the proxy: it runs as the proxy's user and would tell the proxy of servers that go.
    const steps = [...addressSteps, ...(state.backendsFrom ? planUnwatch(name) : []), ...proxySteps];
    if (steps.length === 0) return;
    const lock =
      steps.some((step) => step.step === "edge-take-down") || addressSteps.length > 0 ? "edge" : `mapping/${name}`;
    try {
      await call.host.apply({ lock, urn: call.owner.urn, deadlineSeconds: call.deadlineSeconds, steps }, call.progress);
      return;
    } catch (error) {
      if (!(error instanceof StepFailed && error.exitCode === STALE)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * Math.min(round + 1, 20)));
    }
  }
  throw new Error(`${call.host.label}: other runs changed the mappings of this edge again and again`);
}

/** An edge that was brought up for a mapping which then was refused goes again, best effort. */
export async function takeDownUnused(call: Call, edge: Edge): Promise<void> {
  if (edge.fragments.length > 0 || !edge.unitFile || isForeign(edge)) return;
  try {
    await call.host.apply({ lock: "edge", urn: call.owner.urn, steps: takeDown("-", edge) });
  } catch {
    // The refusal is what the user has to read; the next run or destroy on this edge finds the rest.
  }
}

function planRemove(name: string, drainSeconds: number, digest: string | undefined, edge: Edge): readonly Step[] {
  const mine = edge.fragments.some((fragment) => fragment.name === name);
  const others = edge.fragments.some((fragment) => fragment.name !== name);
  // Where nothing is left, a killed run may have left empty directories.
  if (!others) return mine || (edge.unitFile && !isForeign(edge)) ? takeDown(mine ? name : "-", edge) : [sweepState()];
  const listed = edge.configuration?.text.includes(`\nbackend ${name}\n`);
  if ((!mine && !listed) || digest === undefined) return [];
  return planRemoval(name, drainSeconds, digest, edge);
}

function takeDown(name: string, edge: Edge): readonly Step[] {
  return [
    { step: "edge-take-down", args: [name, edge.guard], describe: "taking the edge's HAProxy down" },
    sweepState(),
  ];
}
