import { createHash } from "node:crypto";
import type { Plan, Step } from "../host/step.ts";
import { expectFile } from "../host/steps/files.ts";
import { type Owner, renderOwner } from "../ownership/ownership.ts";
import { userName } from "../passwd/hosts.ts";
import { type Slot, slotNetwork } from "../ports/network.ts";
import { sharedRulesFiles } from "../systemd/rules-unit.ts";
import { dataDirectories, excludesOther } from "./data-directories.ts";
import type { FileText, SlotDesired, Surroundings } from "./desired.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES, treeOf, unitName } from "./names.ts";
import type { Observed } from "./observed.ts";
import { responderFiles } from "./responder.ts";
import { hardeningOf } from "./slot-unit.ts";

/** The service's own user; printed: uid and gid. */
export function userStep(serviceName: string): Step {
  const user = userName(serviceName);
  return { step: "service-user", args: [user, gecos(serviceName)], describe: `making the user ${user}` };
}

/** Writes the owner's mark: the first thing of a service on its host. */
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

/** A plan under the service's own lock. */
export function servicePlan(serviceName: string, urn: string, steps: readonly Step[], deadlineSeconds: number): Plan {
  return { lock: `service/${serviceName}`, urn, deadlineSeconds, steps };
}

/** Writes several files in one step; what is equal already is left alone. */
export function filesStep(serviceName: string, files: readonly FileText[], describe: string): Step {
  const bundle = files.map(({ path, mode, content }) => `${path} ${mode} ${Buffer.byteLength(content)}\n${content}`);
  return { step: "service-files", args: [serviceName], content: bundle.join(""), describe };
}

/** What all services of a host share, under the host's lock. */
export function sharedSteps(inputs: JailedServiceInputs): readonly Step[] {
  if (inputs.network !== "private") return [];
  return [
    {
      ...filesStep(inputs.serviceName, sharedRulesFiles, "writing the host's port rules"),
      step: "service-shared-files",
    },
  ];
}

/** The program and units of the host's responder. */
export function responderFilesStep(inputs: JailedServiceInputs): Step {
  return {
    ...filesStep(inputs.serviceName, responderFiles(), "writing the host's responder"),
    step: "responder-files",
  };
}

/** Starts a slot and waits until it is healthy and confined; `previous` is started again when it does not get well. */
export function launchStep(
  inputs: JailedServiceInputs,
  around: Surroundings,
  desired: SlotDesired,
  previous: Slot | undefined,
): Step {
  const excludes = excludesOther(inputs, around);
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
      // With a gate it settles while that is asked: with its ports, beside the previous one.
      `${inputs.gate === undefined ? inputs.settleSeconds : 0}`,
      inputs.network,
      treeOf(inputs),
      `${around.uid}`,
      capable ? "some" : "none",
    ],
    content: desired.checks.map((check) => `${check}\n`).join(""),
    describe: `starting ${desired.unitName} and waiting for health`,
  };
}

/** Volumes and scratch directories that are missing or belong to another uid. */
export function dataSteps(inputs: JailedServiceInputs, around: Surroundings, observed: Observed): readonly Step[] {
  return dataDirectories(inputs, around)
    .filter(({ hostPath }) => observed.directories.get(hostPath) !== around.uid)
    .map(({ hostPath, jailPath, mode, seeds }) => ({
      step: "service-directory",
      args: [hostPath, `${around.uid}`, `${around.gid}`, mode, treeOf(inputs), jailPath, ...seeds],
      describe: `making ${hostPath}`,
    }));
}

/** Lines as the registry has them, with a mark that its reservation may take over. */
export function restoreStep(inputs: JailedServiceInputs, around: Surroundings): Step {
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

/** Writes who serves and leads the ports there, in one transaction. */
export function rulesSwitch(inputs: JailedServiceInputs, around: Surroundings, desired: SlotDesired): Step {
  return {
    step: inputs.network === "private" ? "rules-switch" : "rules-note",
    args: [inputs.serviceName, ...bothAddresses(inputs.serviceName, around.number)],
    content: desired.fragment,
    describe: `leading ${inputs.serviceName}'s ports to slot ${desired.slot}`,
  };
}

/** Leads the connections of a jail anew, inside of its namespace. */
export function connectSteps(inputs: JailedServiceInputs, desired: SlotDesired): readonly Step[] {
  if (!desired.files.some((file) => file.path.endsWith("/connects.nft"))) return [];
  const args = [inputs.serviceName, desired.slot];
  return [{ step: "network-rules", args, describe: `leading ${inputs.serviceName}'s connections` }];
}

/** Takes the ports away, fragment and elements. */
export function rulesClear(serviceName: string, addresses: readonly string[]): Step {
  return { step: "rules-clear", args: [serviceName, ...addresses], describe: `taking ${serviceName}'s ports away` };
}

/** Loads the whole table anew, with all services' fragments. */
export function rulesLoad(inputs: JailedServiceInputs): readonly Step[] {
  return inputs.network === "private"
    ? [{ step: "rules-load", args: [], describe: "loading the host's port rules" }]
    : [];
}

/** Waits until nobody is connected to a slot, `drainSeconds` at most. */
export function drainStep(inputs: JailedServiceInputs, slot: Slot, ports: readonly string[]): Step {
  const args = [inputs.serviceName, slot, `${inputs.drainSeconds}`, ...ports];
  return {
    step: "service-drain",
    args,
    describe: `waiting for the last connections of ${unitName(inputs.serviceName, slot)}`,
  };
}

/** Stops a slot and removes all that is its own. */
export function retireStep(serviceName: string, slot: Slot): Step {
  return { step: "service-retire", args: [serviceName, slot], describe: `removing ${unitName(serviceName, slot)}` };
}

/** Makes units come back after a reboot. */
export function enableStep(names: readonly string[]): Step {
  return { step: "service-enable", args: names, describe: `enabling ${names.join(" and ")}` };
}

/** Removes what somebody put beside a unit of ours. */
export function undoDropIns(name: string): Step {
  return { step: "service-undo-dropins", args: [name], describe: `removing what overrides ${name}` };
}

/** Turns forwarding on for the service's device and the uplink. */
export function forwardStep(devices: readonly string[]): Step {
  return { step: "network-forward", args: devices, describe: `turning forwarding on for ${devices.join(" and ")}` };
}

/** Finds out what this host accepts and does not enforce; once per boot. */
export const probeStep: Step = { step: "host-probe", args: [], describe: "asking what this host enforces" };

/** The slot's unit and its network's. */
export function unitNames(desired: SlotDesired): readonly string[] {
  return [desired.unitName, ...(desired.networkUnitName ? [desired.networkUnitName] : [])];
}

/** The jail addresses of both slots: whatever leads to one of them is this service's. */
export function bothAddresses(serviceName: string, number: number): readonly string[] {
  return (["a", "b"] as const).map((slot) => slotNetwork(serviceName, number, slot).jailAddress);
}

/** Our mark on the user. */
export function gecos(serviceName: string): string {
  return `pulumi-jail ${serviceName}`;
}
