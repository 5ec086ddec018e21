import { conflictsWithForward } from "../haproxy/conflict.ts";
import { HostError, StepFailed } from "../host/errors.ts";
import type { Host } from "../host/host.ts";
import { hostIdOf } from "../host/host-id.ts";
import { type Machine, machine } from "../host/questions/machine.ts";
import { sweepState } from "../host/steps/files.ts";
import { bindElement, type Forward } from "../nftables/forward.ts";
import { type Found, judgeCreate, judgeUpdate, mayDelete } from "../ownership/ownership.ts";
import { type Call, Unfinished } from "../resource/kind.ts";
import { type Forwarding, observeForwarding } from "./forward-observe.ts";
import { describeForwardDrift, planForward, planForwardRemoval } from "./forward-plan.ts";
import type { PortMappingInputs, PortMappingOutputs } from "./inputs.ts";
import { observeEdge } from "./observe.ts";
import type { Edge } from "./observed.ts";

type State = PortMappingInputs & PortMappingOutputs;

const STALE = 79;
const ROUNDS = 30;

/** A mapping of engine "nftables": observes, plans and applies until the plan is empty. */
export async function convergeForward(
  call: Call,
  inputs: PortMappingInputs,
  state: State | undefined,
): Promise<PortMappingOutputs> {
  if (state?.engine !== "nftables") call.info?.(lossOf(inputs));
  const renamedFrom = state && state.mappingName !== inputs.mappingName ? state.mappingName : undefined;
  let changed = false;
  for (let round = 0; round < ROUNDS; round++) {
    const seen = await see(call.host, inputs);
    const claim = claimOf(call, inputs, state, seen);
    const declared = forwardOf({ ...call.owner, claim }, inputs);
    refuse(call, declared, seen);
    const old = seen.forwarding.forwards.some(({ mark }) => mark?.name === renamedFrom && mark?.owner.claim === claim);
    const steps = planForward(declared, old ? renamedFrom : undefined, seen.forwarding);
    if (steps.length === 0) return outputsOf(claim, seen, changed ? CHANGED : (state?.lastChange ?? CHANGED));
    if (round > 5 && changed)
      throw new Unfinished(
        {
          ...outputsOf(claim, seen, CHANGED),
          drift: describeForwardDrift(declared, seen.forwarding),
          unfinished: true,
        },
        ["the forwarded port does not become as declared"],
      );
    try {
      const { deadlineSeconds, owner } = call;
      await call.host.apply(
        { lock: `mapping/${inputs.mappingName}`, urn: owner.urn, deadlineSeconds, steps },
        call.progress,
      );
      changed = true;
    } catch (error) {
      if (!(error instanceof StepFailed && error.exitCode === STALE)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50 * Math.min(round + 1, 20)));
    }
  }
  throw new Error(`${call.host.label}: other runs changed the forwards of this host again and again`);
}

/** Undefined only when neither rules nor the kernel's element are there. */
export async function readForward(call: Call, state: State): Promise<PortMappingOutputs | undefined> {
  const seen = await see(call.host, state);
  const found = foundOf(seen.forwarding, state.mappingName);
  if (found.state === "nothing" && !seen.forwarding.led) return undefined;
  const declared = forwardOf({ ...call.owner, claim: state.claim }, state);
  const drift =
    found.state === "owned" && found.owner.claim !== state.claim
      ? [`mapping ${state.mappingName} is now of another state: ${found.owner.urn}`]
      : describeForwardDrift(declared, seen.forwarding);
  return { ...outputsOf(state.claim, seen, state.lastChange), drift, unfinished: state.unfinished };
}

/** Takes the rules away; what another state took over is left alone. */
export async function removeForward(call: Call, state: State): Promise<void> {
  const { forwarding } = await see(call.host, state);
  const found = foundOf(forwarding, state.mappingName);
  if (found.state !== "nothing" && !mayDelete(found, state.claim)) return;
  // With the rules gone, the kernel may still have what they said, and a killed removal its settings.
  const left = found.state !== "nothing" || forwarding.led || !forwarding.settled;
  if (!left) return;
  const steps = [planForwardRemoval(state.mappingName), sweepState()];
  const { deadlineSeconds, owner } = call;
  await call.host.apply(
    { lock: `mapping/${state.mappingName}`, urn: owner.urn, deadlineSeconds, steps },
    call.progress,
  );
}

interface SeenForward {
  readonly forwarding: Forwarding;
  readonly edge: Edge;
  readonly machine: Machine;
}

const CHANGED = { by: "nftables", requests: 0, failed: 0 } as const;

async function see(host: Host, inputs: PortMappingInputs): Promise<SeenForward> {
  const { mode, bindPort } = inputs;
  const protocol = mode === "udp" ? "udp" : "tcp";
  const element = bindElement({ protocol, address: inputs.bindAddress, bindPort, name: "", owner: NOBODY });
  const [forwarding, edge, about] = await host.ask([
    observeForwarding(protocol, bindPort, element),
    observeEdge(bindPort),
    machine(),
  ]);
  return { forwarding, edge, machine: about };
}

const NOBODY = { organization: "", project: "", stack: "", urn: "", claim: "" };

function forwardOf(owner: Forward["owner"], inputs: PortMappingInputs): Forward {
  const backends = inputs.backends === "statistics" ? [] : inputs.backends;
  return {
    owner,
    name: inputs.mappingName,
    protocol: inputs.mode === "udp" ? "udp" : "tcp",
    address: inputs.bindAddress,
    bindPort: inputs.bindPort,
    targets: backends
      .filter(({ state, weight }) => state === "ready" && weight > 0)
      .map(({ address, hostPort, weight }) => ({ address, port: hostPort, weight })),
  };
}

function foundOf(forwarding: Forwarding, name: string): Found {
  const found = forwarding.forwards.find((forward) => forward.name === name);
  if (!found) return { state: "nothing" };
  return found.mark ? { state: "owned", owner: found.mark.owner } : { state: "foreign" };
}

function claimOf(call: Call, inputs: PortMappingInputs, state: State | undefined, seen: SeenForward): string {
  const { claim, ...mine } = call.owner;
  const found = foundOf(seen.forwarding, inputs.mappingName);
  const adopt = inputs.adopt === true;
  const verdict = state ? judgeUpdate(found, mine, state.claim, adopt) : judgeCreate(found, mine, claim, adopt);
  if (verdict.verdict === "proceed") return verdict.claim;
  throw new HostError("foreign", call.host.label, `mapping "${inputs.mappingName}" is refused: ${verdict.reason}`);
}

/** A rule that leads a port elsewhere would take it from whoever has it now, without a word. */
function refuse(call: Call, forward: Forward, { forwarding, edge, machine: { addresses } }: SeenForward): void {
  const { name, protocol, address, bindPort } = forward;
  const refused = (reason: string, kind: "foreign" | "step" = "foreign"): never => {
    throw new HostError(kind, call.host.label, `mapping "${name}" is refused: ${reason}`);
  };
  if (forwarding.missing.length > 0) refused(`the host lacks ${forwarding.missing.join(", ")}`, "step");
  const own = [...addresses.map((one) => one.address), "127.0.0.1"];
  if (!own.includes(address))
    refused(`${address} is none of the host's addresses (${own.join(", ")}); set bindAddress`, "step");
  for (const { mark } of forwarding.forwards)
    if (mark && mark.owner.claim !== forward.owner.claim && bindElement(mark) === bindElement(forward))
      refused(
        `${protocol} port ${bindPort} of ${address} is mapping "${mark.name}"'s; it belongs to ${mark.owner.urn}`,
      );
  for (const { fragment } of edge.fragments) {
    if (!fragment || fragment.owner.claim === forward.owner.claim) continue;
    const conflict = conflictsWithForward(fragment.mapping, forward);
    if (conflict) refused(`${conflict}; it belongs to ${fragment.owner.urn}`);
  }
  const service = forwarding.services.find((one) => one.address === address);
  if (service) refused(`${protocol} port ${bindPort} of ${address} is jailed service "${service.name}"'s`);
  // Of tcp the edge knows which listeners are its own proxy's: one that changes its engine has the port still.
  const listeners = protocol === "tcp" ? edge.strangers : forwarding.listeners;
  const listener = listeners.find(({ local }) => has(local, address));
  if (listener) refused(`${protocol} port ${bindPort} is held by ${listener.program}, pid ${listener.pid}`);
  const [foreign] = forwarding.foreign;
  if (foreign) refused(`the port is led elsewhere by a rule that is not ours, table ${foreign}`);
}

function has(local: string, address: string): boolean {
  const own = local
    .slice(0, local.lastIndexOf(":"))
    .replace(/^\[|\]$/g, "")
    .replace(/%.*$/, "");
  return ["*", "0.0.0.0", "::", address].includes(own);
}

function outputsOf(claim: string, seen: SeenForward, lastChange: PortMappingOutputs["lastChange"]): PortMappingOutputs {
  return { claim, hostId: hostIdOf(seen.machine.machineId), drift: [], unfinished: false, exposure: 0, lastChange };
}

function lossOf({ mode }: PortMappingInputs): string {
  return mode === "udp"
    ? "udp by nftables: no health check and no drain; a client stays with its backend while it sends, and is answered by nobody when that one is gone"
    : "tcp by nftables: no health check and no drain; a connection stays with its backend";
}
