import { pruneStep } from "../generation/remove.ts";
import { type Fragment, renderFragment } from "../haproxy/fragment.ts";
import { StepFailed } from "../host/errors.ts";
import { type Call, Unfinished } from "../resource/kind.ts";
import { planAddresses, refuseAddress } from "./address.ts";
import { pemOf } from "./certificate.ts";
import { mappingOf } from "./desired.ts";
import { describeDrift, mappingsOf } from "./drift.ts";
import { planEdge, type Seen, see } from "./edge.ts";
import type { LastChange, PortMappingInputs, PortMappingOutputs } from "./inputs.ts";
import { planJail } from "./jail.ts";
import { claimOf, foundOf, refuseConflicts } from "./owned.ts";
import { type Change, planMapping } from "./plan.ts";
import { takeDownUnused } from "./remove.ts";
import { planSnmp, snmpOf } from "./snmp.ts";
import { EDGE_JAIL_BASE } from "./unit.ts";

type State = PortMappingInputs & PortMappingOutputs;

/** Exit codes of the edge's own steps (step-edge.sh). */
const INVALID = 65;
const DID_NOT_RUN = 66;
const STALE = 79;

/** Runs of other stacks may come between observing and applying; each of them gets further, so this ends. */
const ROUNDS = 30;

/** Observes, plans and applies until the plan is empty, which is also the read-back of what was applied. */
export async function converge(
  given: Call,
  inputs: PortMappingInputs,
  state: State | undefined,
): Promise<PortMappingOutputs> {
  const call = warningOnce(given);
  const mapping = mappingOf(inputs);
  const pems = (inputs.tls?.certificates ?? []).map(pemOf);
  const renamedFrom = state && state.mappingName !== mapping.name ? state.mappingName : undefined;
  let lastChange = state?.lastChange ?? { by: "record", requests: 0, failed: 0 };
  let applied = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const seen = await see(call.host, mapping.bindPort, mapping.name);
    const claim = claimOf(call, inputs, state, seen.edge);
    refuseConflicts(call, mapping, renamedFrom, seen.edge);
    refuseAddress(call, mapping, renamedFrom, seen.edge, seen.addresses);
    const declared: Fragment = { owner: { ...call.owner, claim }, mapping };
    const jail = await planJail(call, mapping.name, seen.jail);
    const snmp = planSnmp(mapping, snmpOf(inputs.weights), seen.snmp);
    const edgeSteps = [...jail.steps, ...planEdge(jail.digest, seen.edge), ...snmp];
    const change = planMapping(
      { declared, renamedFrom: ownRename(renamedFrom, seen, state), digest: jail.digest, pems },
      seen.edge,
    );
    for (const text of describeLeftOut(change)) call.warn?.(text);
    const moves = change.by === "start" && seen.edge.outOfJail.length > 0;
    // What ran in an older jail has left it by then.
    const prune = moves ? [pruneStep(EDGE_JAIL_BASE, jail.digest, 1)] : [];
    const proxySteps = [...edgeSteps, ...change.steps, ...prune];
    // Not before the proxy serves what the address leads to.
    const addressSteps =
      proxySteps.length === 0
        ? await planAddresses(call, mapping.name, mappingsOf(seen.edge), seen.edge.guard, seen.addresses)
        : [];
    const steps = [...proxySteps, ...addressSteps];
    if (steps.length === 0) return outputsOf(claim, seen, lastChange);
    if (applied > 5) throw unfinished(declared, seen, lastChange, ["the edge does not become as declared"]);
    try {
      const plan = {
        // Who builds the edge or mends it keeps others from doing the same; else only this mapping is locked.
        lock: edgeSteps.length + addressSteps.length > 0 || moves ? "edge" : `mapping/${mapping.name}`,
        urn: call.owner.urn,
        deadlineSeconds: call.deadlineSeconds,
        steps,
      };
      const { outputs } = await call.host.apply(plan, call.progress);
      lastChange = parseChange(change.by, outputs[steps.findIndex(({ step }) => step === "edge-commit")], lastChange);
      applied++;
    } catch (error) {
      if (error instanceof StepFailed && error.exitCode === STALE) {
        await pause(round);
        continue;
      }
      throw await explain(call, declared, error, lastChange);
    }
  }
  throw new Error(`${call.host.label}: other runs changed the mappings of this edge again and again`);
}

/** Every round comes by the same places. */
function warningOnce(call: Call): Call {
  const told = new Set<string>();
  return {
    ...call,
    warn: (text) => {
      if (!told.has(text)) call.warn?.(text);
      told.add(text);
    },
  };
}

/** What a change with a new worker does to others whose certificate is lost. */
function describeLeftOut({ by, steps, without }: Change): readonly string[] {
  if (steps.length === 0 || (by !== "reload" && by !== "start")) return [];
  return without.map(
    (file) =>
      `${file} on this edge is lost or spoilt: what needs it is left out until its own mapping's up brings it back`,
  );
}

/** The old name's fragment goes only if it is this resource's own. */
function ownRename(renamedFrom: string | undefined, { edge }: Seen, state: State | undefined): string | undefined {
  if (renamedFrom === undefined) return undefined;
  const found = foundOf(edge, renamedFrom, state?.claim);
  return found.state === "owned" && found.owner.claim === state?.claim ? renamedFrom : undefined;
}

function outputsOf(claim: string, seen: Seen, lastChange: LastChange): PortMappingOutputs {
  return { claim, hostId: seen.hostId, drift: [], unfinished: false, exposure: seen.exposure ?? 0, lastChange };
}

/** `REQUESTS FAILED`, as edge-commit prints them; a change on disk alone is nothing that a client could have seen. */
function parseChange(by: LastChange["by"], output: string | undefined, before: LastChange): LastChange {
  if (output === undefined || by === "record") return before;
  const [requests, failed] = output.trim().split(" ").map(Number);
  return { by, requests: requests || 0, failed: failed || 0 };
}

/**
 * What a failure leaves: refused by the proxy, the mapping is as it was before; half done, the state has to remember it;
 * an edge that was brought up for a first mapping which never came goes again.
 */
async function explain(call: Call, declared: Fragment, error: unknown, lastChange: LastChange): Promise<unknown> {
  if (!(error instanceof StepFailed)) return error;
  const { name } = declared.mapping;
  const refused = error.exitCode === INVALID || error.exitCode === DID_NOT_RUN;
  const reason = refused
    ? `mapping "${name}" is refused by the proxy, the others serve on\n${error.message}`
    : error.message;
  const seen = await see(call.host, declared.mapping.bindPort, declared.mapping.name);
  const found = foundOf(seen.edge, name, declared.owner.claim);
  if (found.state === "owned" && found.owner.claim === declared.owner.claim)
    return refused && !isDeclared(declared, seen)
      ? new Error(reason)
      : unfinished(declared, seen, lastChange, [reason]);
  if (declared.mapping.weights === "snmp") await dropUnused(call, name);
  await takeDownUnused(call, seen.edge);
  return refused ? new Error(reason) : error;
}

function isDeclared(declared: Fragment, { edge }: Seen): boolean {
  return edge.fragments.some((found) => found.text === renderFragment(declared));
}

function unfinished(declared: Fragment, seen: Seen, lastChange: LastChange, reasons: readonly string[]) {
  const outputs = {
    ...outputsOf(declared.owner.claim, seen, lastChange),
    drift: describeDrift(declared, seen.edge),
    unfinished: true,
  };
  return new Unfinished<PortMappingOutputs>(outputs, reasons);
}

/** Apart from each other, so that two runs which met do not meet again. */
function pause(round: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * Math.min(round + 1, 20)));
}

/** Best effort, as the refusal is what the user has to read. */
async function dropUnused(call: Call, name: string): Promise<void> {
  const steps = [{ step: "edge-snmp-drop", args: [name], describe: `asking no snmpd for ${name}` }];
  await call.host.apply({ lock: `mapping/${name}`, urn: call.owner.urn, steps }).catch(() => undefined);
}
