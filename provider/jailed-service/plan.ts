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
  restoreStep,
  retireStep,
  rulesClear,
  rulesLoad,
  rulesSwitch,
  sharedSteps,
  undoDropIns,
  unitNames,
} from "./steps.ts";

/** The steps that make the service as it is wanted; none when nothing differs. */
export function planService(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  owner: Owner,
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
  ];
  if (needs.has("switch") || !desired || !serving)
    return [...begin, ...ground, ...switchSteps(inputs, around, observed, serving, needs)];
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
    ...(changesUnits || needs.has("reload") || needs.has("shared")
      ? [daemonReload([...names, ...desired.socketUnitNames])]
      : []),
    ...(needs.has("start") ? [launchStep(inputs, around, desired, undefined)] : []),
    ...(needs.has("enable") ? [enableStep(names)] : []),
    ...(needs.has("shared") && inputs.network === "private" ? [enableStep([RULES_UNIT])] : []),
    ...(needs.has("forward") ? [forwardStep([desired.network.device, ...(around.uplink ? [around.uplink] : [])])] : []),
    ...(needs.has("load") || needs.has("shared") ? rulesLoad(inputs) : []),
    ...(needs.has("rules") ? [rulesSwitch(inputs, around, desired), ...connectSteps(inputs, desired)] : []),
    ...(needs.has("retire") ? retireSteps(inputs, around, observed, otherSlot(serving), desired) : []),
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
  ];
}

/** Everything of it but the data in its volumes; each step succeeds when there is nothing left to do. */
export function planRemoval(
  serviceName: string,
  number: number | undefined,
  observed: Observed,
  dropped: readonly string[],
): readonly Step[] {
  const addresses = number === undefined ? [] : bothAddresses(serviceName, number);
  const traces = (["a", "b"] as const).filter((slot) => hasTraces(serviceName, observed, slot));
  const user = userName(serviceName);
  return [
    expectOwner(serviceName, observed),
    ...(addresses.length > 0 ? [rulesClear(serviceName, addresses)] : []),
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
): readonly Step[] {
  const slot = serving ? otherSlot(serving) : "a";
  const desired = slotDesired(inputs, around, slot);
  const idle = (["a", "b"] as const).filter((one) => one !== serving && hasTraces(inputs.serviceName, observed, one));
  const names = unitNames(desired);
  const isPrivate = inputs.network === "private";
  return [
    ...idle.map((one) => retireStep(inputs.serviceName, one)),
    filesStep(inputs.serviceName, desired.files, `writing ${desired.unitName}`),
    daemonReload([...names, ...desired.socketUnitNames, ...(isPrivate ? [RULES_UNIT] : [])]),
    ...(needs.has("shared") || needs.has("load") || !serving ? rulesLoad(inputs) : []),
    ...(observed.notEnforced ? [] : [probeStep]),
    launchStep(inputs, around, desired, serving),
    // Both are enabled for a moment: after a power cut here the rules' file says who serves.
    enableStep(isPrivate ? [...names, RULES_UNIT] : names),
    rulesSwitch(inputs, around, desired),
    ...(serving ? retireSteps(inputs, around, observed, serving, desired) : []),
  ];
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
