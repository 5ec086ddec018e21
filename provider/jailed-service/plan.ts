import { createHash } from "node:crypto";
import type { Plan, Step } from "../host/step.ts";
import { expectFile } from "../host/steps/files.ts";
import { daemonReload, startUnit } from "../host/steps/units.ts";
import { type Owner, renderOwner } from "../ownership/ownership.ts";
import { userName } from "../passwd/hosts.ts";
import { otherSlot, type Slot, slotNetwork } from "../ports/network.ts";
import { RULES_UNIT } from "../systemd/rules-unit.ts";
import {
  dataDirectories,
  type FileText,
  hardeningOf,
  isLive,
  SERVICES,
  type SlotDesired,
  type Surroundings,
  slotDesired,
  treeOf,
  unitName,
} from "./desired.ts";
import { findingsOf, hasTraces, type Remedy, servingSlot, sharedFiles } from "./findings.ts";
import { type JailedServiceInputs, sharesData } from "./inputs.ts";
import type { Observed } from "./observed.ts";

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
    ...(needs.has("drop-in") ? names.map(undoDropIns) : []),
    ...(changesUnits || needs.has("rules")
      ? [filesStep(inputs.serviceName, units, `writing ${names.join(" and ")}`)]
      : []),
    ...(changesUnits || needs.has("reload") || needs.has("shared") ? [daemonReload(names)] : []),
    ...(needs.has("start") ? [launchStep(inputs, around, desired, undefined)] : []),
    ...(needs.has("enable") ? [enableStep(names)] : []),
    ...(needs.has("shared") && inputs.network === "private" ? [enableStep([RULES_UNIT])] : []),
    ...(needs.has("forward") ? [forwardStep([desired.network.device, ...(around.uplink ? [around.uplink] : [])])] : []),
    ...(needs.has("load") || needs.has("shared") ? rulesLoad(inputs) : []),
    ...(needs.has("rules") ? [rulesSwitch(inputs, around, desired), ...connectSteps(inputs, desired)] : []),
    ...(needs.has("retire") ? retireSteps(inputs, observed, otherSlot(serving), desired) : []),
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

/** The service's own user; printed: uid and gid. */
export function userStep(serviceName: string): Step {
  const user = userName(serviceName);
  return { step: "service-user", args: [user, gecos(serviceName)], describe: `making the user ${user}` };
}

export function markStep(serviceName: string, owner: Owner): Step {
  const file = { path: `${SERVICES}/${serviceName}/owner`, mode: "0600", content: renderOwner(owner) };
  return filesStep(serviceName, [file], `marking ${serviceName}`);
}

/** The check of ownership again, under the lock. */
export function expectOwner(serviceName: string, observed: Pick<Observed, "mark">): Step {
  const { mark } = observed;
  return expectFile(
    `${SERVICES}/${serviceName}/owner`,
    mark === undefined ? undefined : createHash("sha256").update(mark).digest("hex"),
  );
}

export function servicePlan(serviceName: string, urn: string, steps: readonly Step[], deadlineSeconds: number): Plan {
  return { lock: `service/${serviceName}`, urn, deadlineSeconds, steps };
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
    daemonReload(isPrivate ? [...names, RULES_UNIT] : names),
    ...(needs.has("shared") || needs.has("load") || !serving ? rulesLoad(inputs) : []),
    ...(observed.notEnforced ? [] : [probeStep]),
    launchStep(inputs, around, desired, serving),
    // Both are enabled for a moment: after a power cut here the rules' file says who serves.
    enableStep(isPrivate ? [...names, RULES_UNIT] : names),
    rulesSwitch(inputs, around, desired),
    ...(serving ? retireSteps(inputs, observed, serving, desired) : []),
  ];
}

function retireSteps(
  inputs: JailedServiceInputs,
  observed: Observed,
  slot: Slot,
  desired: SlotDesired,
): readonly Step[] {
  const runs = observed.slots[slot].unit["ActiveState"] === "active";
  const excludes = inputs.switchover === "restart" || sharesData(inputs.volumes).length > 0;
  const drains = inputs.network === "private" && runs && !excludes && desired.drainPorts.length > 0;
  return [...(drains ? [drainStep(inputs, slot, desired.drainPorts)] : []), retireStep(inputs.serviceName, slot)];
}

function filesStep(serviceName: string, files: readonly FileText[], describe: string): Step {
  const bundle = files.map(({ path, mode, content }) => `${path} ${mode} ${Buffer.byteLength(content)}\n${content}`);
  return { step: "service-files", args: [serviceName], content: bundle.join(""), describe };
}

function sharedSteps(inputs: JailedServiceInputs): readonly Step[] {
  if (inputs.network !== "private") return [];
  return [
    { ...filesStep(inputs.serviceName, sharedFiles, "writing the host's port rules"), step: "service-shared-files" },
  ];
}

function launchStep(
  inputs: JailedServiceInputs,
  around: Surroundings,
  desired: SlotDesired,
  previous: Slot | undefined,
): Step {
  const excludes = inputs.switchover === "restart" || sharesData(inputs.volumes).length > 0;
  const hardening = hardeningOf(inputs);
  const capable = Boolean(hardening["CapabilityBoundingSet"] || hardening["AmbientCapabilities"]);
  const { serviceName } = inputs;
  return {
    step: "service-launch",
    args: [
      serviceName,
      desired.slot,
      previous && excludes ? previous : "-",
      `${inputs.healthCheck?.deadlineSeconds ?? 60}`,
      `${inputs.settleSeconds}`,
      inputs.network,
      treeOf(inputs),
      `${around.uid}`,
      capable ? "some" : "none",
    ],
    content: desired.checks.map((check) => `${check}\n`).join(""),
    describe: `starting ${desired.unitName} and waiting for health`,
  };
}

function dataSteps(inputs: JailedServiceInputs, around: Surroundings, observed: Observed): readonly Step[] {
  return dataDirectories(inputs, around.launch)
    .filter(({ hostPath }) => observed.directories.get(hostPath) !== around.uid)
    .map(({ hostPath, jailPath, mode }) => ({
      step: "service-directory",
      args: [hostPath, `${around.uid}`, `${around.gid}`, mode, `${treeOf(inputs)}${jailPath}`],
      describe: `making ${hostPath}`,
    }));
}

/** Lines as the registry has them, with a mark that its reservation may take over. */
function restoreStep(inputs: JailedServiceInputs, around: Surroundings): Step {
  const owner = renderOwner({ organization: "", project: "", stack: "", urn: "", claim: "-" }).trimEnd();
  const responder = Object.values(inputs.endpoints)[0]?.responder.hostPort;
  const lines = [
    ...(responder ? [["@host", "responder", "tcp", responder, 0, "allocated", owner]] : []),
    [inputs.serviceName, "@net", "net", around.number, 0, "allocated", owner],
    ...Object.entries(inputs.ports).flatMap(([key, port]) => {
      const endpoint = inputs.endpoints[key];
      if (!endpoint || !port.jailPort) return [];
      return [
        [
          inputs.serviceName,
          key,
          port.protocol,
          endpoint.hostPort,
          port.jailPort,
          port.hostPort ? "fixed" : "allocated",
          owner,
        ],
      ];
    }),
  ];
  return {
    step: "ports-restore",
    args: [inputs.serviceName],
    content: lines.map((line) => `${line.join("\t")}\n`).join(""),
    describe: `restoring the ports of ${inputs.serviceName} in the registry`,
  };
}

function rulesSwitch(inputs: JailedServiceInputs, around: Surroundings, desired: SlotDesired): Step {
  return {
    step: inputs.network === "private" ? "rules-switch" : "rules-note",
    args: [inputs.serviceName, ...bothAddresses(inputs.serviceName, around.number)],
    content: desired.fragment,
    describe: `leading ${inputs.serviceName}'s ports to slot ${desired.slot}`,
  };
}

function connectSteps(inputs: JailedServiceInputs, desired: SlotDesired): readonly Step[] {
  if (!desired.files.some((file) => file.path.endsWith("/connects.nft"))) return [];
  const args = [inputs.serviceName, desired.slot];
  return [{ step: "network-rules", args, describe: `leading ${inputs.serviceName}'s connections` }];
}

function rulesClear(serviceName: string, addresses: readonly string[]): Step {
  return { step: "rules-clear", args: [serviceName, ...addresses], describe: `taking ${serviceName}'s ports away` };
}

function rulesLoad(inputs: JailedServiceInputs): readonly Step[] {
  return inputs.network === "private"
    ? [{ step: "rules-load", args: [], describe: "loading the host's port rules" }]
    : [];
}

function drainStep(inputs: JailedServiceInputs, slot: Slot, ports: readonly string[]): Step {
  const args = [inputs.serviceName, slot, `${inputs.drainSeconds}`, ...ports];
  return {
    step: "service-drain",
    args,
    describe: `waiting for the last connections of ${unitName(inputs.serviceName, slot)}`,
  };
}

function retireStep(serviceName: string, slot: Slot): Step {
  return { step: "service-retire", args: [serviceName, slot], describe: `removing ${unitName(serviceName, slot)}` };
}

function enableStep(names: readonly string[]): Step {
  return { step: "service-enable", args: names, describe: `enabling ${names.join(" and ")}` };
}

function undoDropIns(name: string): Step {
  return { step: "service-undo-dropins", args: [name], describe: `removing what overrides ${name}` };
}

function forwardStep(devices: readonly string[]): Step {
  return { step: "network-forward", args: devices, describe: `turning forwarding on for ${devices.join(" and ")}` };
}

const probeStep: Step = { step: "host-probe", args: [], describe: "asking what this host enforces" };

function unitNames(desired: SlotDesired): readonly string[] {
  return [desired.unitName, ...(desired.networkUnitName ? [desired.networkUnitName] : [])];
}

function bothAddresses(serviceName: string, number: number): readonly string[] {
  return (["a", "b"] as const).map((slot) => slotNetwork(serviceName, number, slot).jailAddress);
}

function gecos(serviceName: string): string {
  return `pulumi-jail ${serviceName}`;
}
