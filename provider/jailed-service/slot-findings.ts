import { mapElements } from "../nftables/fragment.ts";
import { dataDirectories } from "./data-directories.ts";
import { isLive, type SlotDesired, type Surroundings } from "./desired.ts";
import { differences, type Finding } from "./finding.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES } from "./names.ts";
import type { Observed } from "./observed.ts";
import { violations } from "./proof.ts";
import { hardeningOf } from "./slot-unit.ts";

/** What differs in the slot that serves. */
export function slotFindings(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  desired: SlotDesired,
): readonly Finding[] {
  const slot = observed.slots[desired.slot];
  return [
    ...fileFindings(inputs, observed, desired),
    ...unitFindings(observed, desired),
    ...(inputs.network === "private" ? networkFindings(around, observed, desired) : []),
    ...ruleFindings(observed, desired),
    ...(slot.proof ? proofFindings(inputs, around, observed, desired) : []),
  ];
}

function fileFindings(inputs: JailedServiceInputs, observed: Observed, desired: SlotDesired): readonly Finding[] {
  const slot = observed.slots[desired.slot];
  const base = `${SERVICES}/${inputs.serviceName}/${desired.slot}/`;
  const wanted = desired.files.filter((file) => file.path.startsWith(base) && file.path !== `${base}digest`);
  const extra = [...observed.files.keys()].filter(
    (path) => path.startsWith(base) && !desired.files.some((file) => file.path === path),
  );
  const found = wanted.flatMap((file) => {
    return isLive(file.path) || slot.digest === desired.digest ? differences(file, observed) : [];
  });
  return [
    ...(slot.digest === desired.digest ? [] : [differentDigest(inputs, slot.generation, slot.digest)]),
    ...found.map((text): Finding => ({ text, remedy: isLive(text.split(" ")[0] ?? "") ? "rules" : "switch" })),
    ...extra.map((path): Finding => ({ text: `${path} is not of our making`, remedy: "switch" })),
  ];
}

function differentDigest(
  inputs: JailedServiceInputs,
  generation: string | undefined,
  digest: string | undefined,
): Finding {
  if (generation !== undefined && generation !== inputs.generation)
    return { text: `it runs generation ${generation}, not ${inputs.generation}`, remedy: "switch" };
  return {
    text: digest ? "it runs with other settings than declared" : "the record of its settings is gone",
    remedy: "switch",
  };
}

/**
 * A unit that was changed on disk, but not loaded by what runs, is mended without touching the process; so are settings
 * of ours that a running process takes over.
 */
function unitFindings(observed: Observed, desired: SlotDesired): readonly Finding[] {
  const slot = observed.slots[desired.slot];
  const names = [desired.unitName, ...(desired.networkUnitName ? [desired.networkUnitName] : [])];
  const units = desired.files.filter((file) => file.path.startsWith("/etc/systemd/system/"));
  const active = slot.unit["ActiveState"] === "active";
  const isOurs = slot.started !== undefined && slot.started === slot.unit["InvocationID"];
  const isNew = slot.digest === desired.digest && slot.written !== desired.written;
  const changed = [
    ...(slot.digest === desired.digest ? units : []).flatMap((file) =>
      differences(file, observed).map(
        (text): Finding => ({ text: isNew ? `${file.path} is not as declared` : text, remedy: "unit" }),
      ),
    ),
    ...(isNew ? [{ text: `${desired.unitName} has other limits than declared`, remedy: "unit" } as const] : []),
    ...slot.dropIns.map((path): Finding => ({ text: `${path} overrides the unit`, remedy: "drop-in" })),
  ];
  const states = [slot.unit, ...(desired.networkUnitName ? [slot.networkUnit] : []), ...slot.socketUnits];
  return [
    ...changed,
    ...(changed.length > 0 && !isNew && active && !isOurs && slot.digest === desired.digest
      ? [{ text: `${desired.unitName} was started with changed settings`, remedy: "switch" } as const]
      : []),
    ...(states.some((state) => state["NeedDaemonReload"] === "yes")
      ? [{ text: `${desired.unitName} differs from what systemd has loaded`, remedy: "reload" } as const]
      : []),
    ...(active
      ? []
      : [
          {
            text: `${desired.unitName} is ${slot.unit["ActiveState"] ?? "unknown"}${resultOf(slot.unit["Result"])}`,
            remedy: "start",
          } as const,
        ]),
    ...names
      .filter((name) => !observed.enabled.has(name))
      .map(
        (name): Finding => ({
          text: `${name} is not enabled: it would not come back after a reboot`,
          remedy: "enable",
        }),
      ),
  ];
}

function networkFindings(around: Surroundings, observed: Observed, desired: SlotDesired): readonly Finding[] {
  const slot = observed.slots[desired.slot];
  const { namespace, jailAddress, hostAddress, device } = desired.network;
  const whole =
    slot.networkUnit["ActiveState"] === "active" &&
    slot.network["address"] === `${jailAddress}/31` &&
    slot.network["gateway"] === hostAddress &&
    slot.network["portstart"] === "0";
  const forwarding = [device, ...(around.uplink ? [around.uplink] : [])].filter(
    (name) => !observed.forwarding.has(name),
  );
  if (!whole && slot.digest !== undefined)
    return [{ text: `its network ${namespace} is gone or changed`, remedy: "switch" }];
  return forwarding.map((name) => ({
    text: `forwarding is off on ${name}: nobody outside reaches it`,
    remedy: "forward",
  }));
}

/** The kernel's map is what counts, not a unit's state; and the file is what counts after a reboot. */
function ruleFindings(observed: Observed, desired: SlotDesired): readonly Finding[] {
  const file = `services/${/service ([a-z0-9-]+)/.exec(desired.fragment)?.[1]}/rules.nft`;
  const wrong = (["tcp4", "udp4"] as const).flatMap((map) =>
    desired.mapElements[map].flatMap((port) =>
      mapElements(port)
        .filter((element) => observed.table && !observed.table.elements.has(`${map} ${element}`))
        .map((element) => `the port rule ${element.split(" : ")[0]} does not lead to ${element.split(" : ")[1]}`),
    ),
  );
  // Of a service that is to be switched over anyway the new slot's rules are none of today's.
  const isOther = observed.slots[desired.slot].digest !== desired.digest && observed.serving !== undefined;
  return [
    ...(observed.fragment === desired.fragment || isOther
      ? []
      : [
          {
            text: observed.fragment === undefined ? `${file} is gone` : `${file} was changed`,
            remedy: "rules",
          } as const,
        ]),
    ...wrong.map((text): Finding => ({ text, remedy: "rules" })),
  ];
}

function proofFindings(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  desired: SlotDesired,
): readonly Finding[] {
  const slot = observed.slots[desired.slot];
  if (!slot.proof || slot.digest !== desired.digest || observed.tree === undefined) return [];
  const hardening = hardeningOf(inputs);
  const found = violations(slot.proof, {
    tree: observed.tree,
    uid: around.uid,
    gid: around.gid,
    network: inputs.network,
    namespaceInode: slot.network["inode"],
    hasCapabilities: Boolean(hardening["CapabilityBoundingSet"] || hardening["AmbientCapabilities"]),
    hardening,
    bound: dataDirectories(inputs, around).map(({ jailPath }) => jailPath),
  });
  return found.map((text) => ({ text, remedy: "switch" }));
}

function resultOf(result: string | undefined): string {
  return result && result !== "success" ? ` (${result})` : "";
}
