import type { Step } from "../host/step.ts";
import { daemonReload, restartUnit, startUnit } from "../host/steps/units.ts";
import { type Owner, renderOwner } from "../ownership/ownership.ts";
import { userName } from "../passwd/hosts.ts";
import { otherSlot, type Slot } from "../ports/network.ts";
import { RULES_UNIT } from "../systemd/rules-unit.ts";
import { excludesOther } from "./data-directories.ts";
import { isLive, type SlotDesired, type Surroundings, slotDesired } from "./desired.ts";
import type { Remedy } from "./finding.ts";
import { findingsOf, hasTraces, servingSlot } from "./findings.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { unitName } from "./names.ts";
import type { Observed } from "./observed.ts";
import { responderDrainStep, responderPlaces, responderReadyStep, responderUpStep } from "./responder.ts";
import { hasSharedSocket } from "./slot-sockets.ts";
import {
  bothAddresses,
  connectSteps,
  dataSteps,
  drainStep,
  enableStep,
  expectOwner,
  filesStep,
  forwardStep,
  gecos,
  launchStep,
  markStep,
  probeStep,
  responderFilesStep,
  restoreStep,
  retireStep,
  rulesClear,
  rulesLoad,
  rulesSwitch,
  sharedSteps,
  undoDropIns,
  unitNames,
} from "./steps.ts";

/**
 * The steps that make the service as it is wanted; none when nothing differs. On trial, the slot that served before stays
 * as it is, for the way back (`isOnTrial`); the next plan takes it away.
 */
export function planService(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  owner: Owner,
  stage: "trial" | "whole" = "whole",
): readonly Step[] {
  const serving = servingSlot(observed);
  const desired = serving && slotDesired(inputs, around, serving);
  const findings = findingsOf(inputs, around, observed, desired);
  const needs = new Set(findings.map(({ remedy }) => remedy));
  const isMarked = observed.mark === renderOwner(owner);
  if (findings.length === 0 && isMarked) return [];
  const begin = [expectOwner(inputs.serviceName, observed), ...(isMarked ? [] : [markStep(inputs.serviceName, owner)])];
  const ground = [
    ...(needs.has("registry") ? [restoreStep(inputs, around)] : []),
    ...(needs.has("data") || needs.has("switch") ? dataSteps(inputs, around, observed) : []),
    ...(needs.has("shared") || !serving ? sharedSteps(inputs) : []),
    ...(needs.has("responder") ? [responderFilesStep(inputs)] : []),
  ];
  if (needs.has("switch") || !desired || !serving)
    return [...begin, ...ground, ...switchSteps(inputs, around, observed, serving, needs, stage)];
  const names = unitNames(desired);
  const units = desired.files.filter(
    (file) => file.path.startsWith("/etc/systemd/system/") || file.path.endsWith("/digest") || isLive(file.path),
  );
  const changesUnits = needs.has("unit") || needs.has("drop-in");
  return [
    ...begin,
    ...ground,
    ...(needs.has("drop-in") ? [...names, ...desired.socketUnitNames].map(undoDropIns) : []),
    ...(changesUnits || needs.has("rules")
      ? [filesStep(inputs.serviceName, units, `writing ${names.join(" and ")}`)]
      : []),
    ...(changesUnits || needs.has("reload") || needs.has("shared") || needs.has("responder")
      ? [daemonReload([...names, ...desired.socketUnitNames])]
      : []),
    ...(needs.has("start") ? [launchStep(inputs, around, desired, undefined)] : []),
    ...(needs.has("enable") ? [enableStep(names)] : []),
    ...(needs.has("shared") && inputs.network === "private" ? [enableStep([RULES_UNIT])] : []),
    ...(needs.has("forward") ? [forwardStep([desired.network.device, ...(around.uplink ? [around.uplink] : [])])] : []),
    ...(needs.has("load") || needs.has("shared") ? rulesLoad(inputs) : []),
    ...(needs.has("rules") ? [rulesSwitch(inputs, around, desired), ...connectSteps(inputs, desired)] : []),
    ...(needs.has("responder") ? responderUp(inputs, around, observed) : []),
    ...(needs.has("ready") ? [responderReadyStep(inputs.serviceName)] : []),
    ...(needs.has("retire") && !(stage === "trial" && isOnTrial(inputs, observed))
      ? retireSteps(inputs, around, observed, otherSlot(serving), desired)
      : []),
  ];
}

/**
 * Whether a slot has its ports and is not yet let pass: the one before it is still there, enabled as both are at the
 * moment of a switch. So a run that was cut in between is finished by the next one, gate and all.
 */
export function isOnTrial(inputs: JailedServiceInputs, observed: Observed): boolean {
  const serving = servingSlot(observed);
  if (!serving || !inputs.gate || observed.serving?.generation !== inputs.generation) return false;
  const previous = otherSlot(serving);
  return observed.slots[previous].digest !== undefined && observed.enabled.has(unitName(inputs.serviceName, previous));
}

/** Back from a slot on trial to the one before, of the settings that `previous` has; then the failed one goes. */
export function planReturn(previous: JailedServiceInputs, around: Surroundings, observed: Observed): readonly Step[] {
  const serving = servingSlot(observed);
  if (!serving) return [];
  const slot = otherSlot(serving);
  const desired = slotDesired(previous, around, slot);
  const runs = observed.slots[slot].unit["ActiveState"] === "active";
  const drains = !runs && hasPorts(previous);
  return [
    expectOwner(previous.serviceName, observed),
    ...(drains ? [responderDrainStep(previous, serving, desired.drainPorts)] : []),
    // Where the two exclude one another, its start ends the other one.
    ...(runs ? [] : [launchStep({ ...previous, settleSeconds: 0 }, around, desired, undefined)]),
    rulesSwitch(previous, around, desired),
    ...(drains ? [responderReadyStep(previous.serviceName)] : []),
    retireStep(previous.serviceName, serving),
    daemonReload(),
  ];
}

/** Takes a failed candidate away again; what served before was not touched by it. */
export function planCleanup(inputs: JailedServiceInputs, observed: Observed): readonly Step[] {
  const serving = servingSlot(observed);
  const idle = serving ? [otherSlot(serving)] : (["a", "b"] as const);
  const traces = idle.filter((slot) => hasTraces(inputs.serviceName, observed, slot));
  const isDark = serving !== undefined && observed.slots[serving].unit["ActiveState"] !== "active";
  return [
    ...traces.map((slot) => retireStep(inputs.serviceName, slot)),
    ...(traces.length > 0 ? [daemonReload()] : []),
    // A failed start starts the previous one again by itself; one that was cut off could not.
    // The candidate's socket units have taken the paths at which systemd listens for the one that serves.
    ...(traces.length > 0 && serving && !isDark && hasSharedSocket(inputs, observed)
      ? [restartUnit(unitName(inputs.serviceName, serving))]
      : []),
    ...(isDark ? [startUnit(unitName(inputs.serviceName, serving))] : []),
    ...(observed.responder.drains.has(inputs.serviceName) ? [responderReadyStep(inputs.serviceName)] : []),
  ];
}

/** Everything of it but the data in its volumes; each step succeeds when there is nothing left to do. */
export function planRemoval(
  inputs: JailedServiceInputs,
  number: number | undefined,
  observed: Observed,
  dropped: readonly string[],
): readonly Step[] {
  const { serviceName } = inputs;
  const addresses = number === undefined ? [] : bothAddresses(serviceName, number);
  const traces = (["a", "b"] as const).filter((slot) => hasTraces(serviceName, observed, slot));
  const user = userName(serviceName);
  const ports = Object.values(inputs.ports).flatMap(({ jailPort, protocol }) =>
    jailPort !== undefined && protocol !== "udp" ? [`${jailPort}`] : [],
  );
  // Without its ports it gets no new connections; those that an edge of another stack still has end first.
  const drains = inputs.network === "private" && ports.length > 0 && addresses.length > 0;
  const running = traces.filter((slot) => drains && observed.slots[slot].unit["ActiveState"] === "active");
  return [
    expectOwner(serviceName, observed),
    ...(addresses.length > 0 ? [rulesClear(serviceName, addresses)] : []),
    ...running.map((slot) => drainStep(inputs, slot, ports)),
    ...traces.map((slot) => retireStep(serviceName, slot)),
    { step: "service-drop-user", args: [user, gecos(serviceName)], describe: `removing the user ${user}` },
    ...dropped.map((path): Step => ({ step: "remove-tree", args: [path], describe: `removing the volume ${path}` })),
    { step: "service-forget", args: [serviceName], describe: `removing what ${serviceName} left` },
  ];
}

/** Into the slot that is free: start, be healthy and confined there, then take the port; the old one goes when it is idle. */
function switchSteps(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  serving: Slot | undefined,
  needs: ReadonlySet<Remedy>,
  stage: "trial" | "whole",
): readonly Step[] {
  const slot = serving ? otherSlot(serving) : "a";
  const desired = slotDesired(inputs, around, slot);
  const idle = (["a", "b"] as const).filter((one) => one !== serving && hasTraces(inputs.serviceName, observed, one));
  const names = unitNames(desired);
  const isPrivate = inputs.network === "private";
  // Two that must not run at once leave a gap: edges are told beforehand.
  const drains = serving !== undefined && hasPorts(inputs) && excludesOther(inputs, around);
  return [
    ...idle.map((one) => retireStep(inputs.serviceName, one)),
    filesStep(inputs.serviceName, desired.files, `writing ${desired.unitName}`),
    daemonReload([...names, ...desired.socketUnitNames, ...(isPrivate ? [RULES_UNIT] : [])]),
    ...(needs.has("shared") || needs.has("load") || !serving ? rulesLoad(inputs) : []),
    ...(observed.notEnforced ? [] : [probeStep]),
    ...(drains && serving ? [responderDrainStep(inputs, serving, desired.drainPorts)] : []),
    launchStep(inputs, around, desired, serving),
    // Both are enabled for a moment: after a power cut here the rules' file says who serves.
    enableStep(isPrivate ? [...names, RULES_UNIT] : names),
    rulesSwitch(inputs, around, desired),
    ...(needs.has("responder") ? responderUp(inputs, around, observed) : []),
    ...(drains || needs.has("ready") ? [responderReadyStep(inputs.serviceName)] : []),
    ...(serving && stage === "whole" ? retireSteps(inputs, around, observed, serving, desired) : []),
  ];
}

function responderUp(inputs: JailedServiceInputs, around: Surroundings, observed: Observed): readonly Step[] {
  const places = responderPlaces(inputs, around, observed);
  return places ? [responderUpStep(places)] : [];
}

function hasPorts(inputs: JailedServiceInputs): boolean {
  return inputs.network === "private" && Object.values(inputs.ports).some((port) => port.socket === undefined);
}

function retireSteps(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  slot: Slot,
  desired: SlotDesired,
): readonly Step[] {
  const runs = observed.slots[slot].unit["ActiveState"] === "active";
  const drains =
    inputs.network === "private" && runs && !excludesOther(inputs, around) && desired.drainPorts.length > 0;
  return [...(drains ? [drainStep(inputs, slot, desired.drainPorts)] : []), retireStep(inputs.serviceName, slot)];
}
