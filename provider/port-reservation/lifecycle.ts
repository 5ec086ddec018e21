import { HostError } from "../host/errors.ts";
import { hostIdOf } from "../host/host-id.ts";
import { judgeCreate, judgeUpdate } from "../ownership/ownership.ts";
import type { Call, ResourceKind } from "../resource/kind.ts";
import {
  checkPortReservation,
  diffPortReservation,
  type PortReservationInputs,
  type PortReservationOutputs,
} from "./inputs.ts";
import { observeReservation } from "./observe.ts";
import { endpointsOf, planReservation, releaseStep, reservationPlan } from "./plan.ts";

type State = PortReservationInputs & PortReservationOutputs;

/** Ports of a host, held for one service; the paper's port daemon made visible. */
export const portReservationKind: ResourceKind<PortReservationInputs, PortReservationOutputs> = {
  kind: "port-reservation",
  check: checkPortReservation,
  diff: diffPortReservation,
  id: (inputs) => `${inputs.serviceName}-ports`,
  read,
  converge,
  remove,
};

/** Asks nothing: the service's own read looks at the ports, so that one refresh does not look twice. */
async function read(_call: Call, state: State): Promise<PortReservationOutputs> {
  return { ...outputsOf(state), drift: [] };
}

async function converge(
  call: Call,
  inputs: PortReservationInputs,
  state: State | undefined,
): Promise<PortReservationOutputs> {
  const observed = await observeReservation(call.host, inputs.serviceName);
  const { claim: drawn, ...mine } = call.owner;
  const verdict = state
    ? judgeUpdate(observed.found, mine, state.claim, inputs.adopt ?? false)
    : judgeCreate(observed.found, mine, drawn, inputs.adopt ?? false);
  if (verdict.verdict === "refuse")
    throw new HostError("foreign", call.host.label, `the ports of ${inputs.serviceName}: ${verdict.reason}`);
  const owner = { ...mine, claim: verdict.claim };
  const steps = planReservation(inputs, observed, owner);
  const applied = await call.host.apply(reservationPlan(owner.urn, steps, call.deadlineSeconds), call.progress);
  const registry = applied.outputs[0] ?? observed.text;
  return {
    endpoints: endpointsOf(inputs, registry),
    hostId: hostIdOf(observed.machine.machineId),
    claim: owner.claim,
    drift: [],
    unfinished: false,
  };
}

async function remove(call: Call, state: State): Promise<void> {
  const steps = [releaseStep(state.serviceName, state.claim)];
  await call.host.apply(reservationPlan(call.owner.urn, steps, call.deadlineSeconds), call.progress);
}

function outputsOf(state: State): PortReservationOutputs {
  const { endpoints, hostId, claim, drift, unfinished } = state;
  return { endpoints, hostId, claim, drift, unfinished };
}
