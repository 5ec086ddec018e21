import { createHash } from "node:crypto";
import { mapElements } from "../nftables/fragment.ts";
import { renderRules } from "../nftables/rules.ts";
import { otherSlot, type Slot } from "../ports/network.ts";
import { RULES_PATH, RULES_UNIT, renderRulesUnit } from "../systemd/rules-unit.ts";
import {
  dataDirectories,
  type FileText,
  hardeningOf,
  isLive,
  SERVICES,
  type SlotDesired,
  type Surroundings,
} from "./desired.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import type { Observed } from "./observed.ts";
import { violations } from "./proof.ts";

/** One thing that is not as it should be: the sentence that the user reads as drift, and what mends it. */
export interface Finding {
  readonly text: string;
  readonly remedy: Remedy;
}

export type Remedy =
  | "switch"
  | "start"
  | "unit"
  | "drop-in"
  | "reload"
  | "enable"
  | "shared"
  | "load"
  | "rules"
  | "forward"
  | "registry"
  | "data"
  | "mark"
  | "retire";

/** Files of the host that all services share. */
export const sharedFiles: readonly FileText[] = [
  { path: RULES_PATH, mode: "0600", content: renderRules() },
  {
    path: `/etc/systemd/system/${RULES_UNIT}`,
    mode: "0644",
    content: renderRulesUnit("pulumi-jail: shared by all jailed services; what is changed here is drift"),
  },
];

/** Which slot serves: what the rules' file says, else the one that runs. */
export function servingSlot(observed: Observed): Slot | undefined {
  const { slots, serving } = observed;
  if (serving) return serving.slot;
  const running = (["a", "b"] as const).filter((slot) => isActive(observed, slot));
  return running.find((slot) => slots[slot].unit["Id"] && observed.enabled.has(slots[slot].unit["Id"])) ?? running[0];
}

/** All that differs between what is wanted and what is there; empty means converged: no finding, no step. */
export function findingsOf(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
  desired: SlotDesired | undefined,
): readonly Finding[] {
  return [
    ...registryFindings(inputs, observed),
    ...dataFindings(inputs, around, observed),
    ...(inputs.network === "private" ? sharedFindings(observed) : []),
    ...(desired
      ? slotFindings(inputs, around, observed, desired)
      : [{ text: "no instance of it serves", remedy: "switch" } as const]),
    ...leftoverFindings(inputs, observed, desired?.slot),
  ];
}

function slotFindings(
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
  const states = [slot.unit, ...(desired.networkUnitName ? [slot.networkUnit] : [])];
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
    bound: dataDirectories(inputs, around.launch).map(({ jailPath }) => jailPath),
  });
  return found.map((text) => ({ text, remedy: "switch" }));
}

function sharedFindings(observed: Observed): readonly Finding[] {
  const { table, loadedTable, rulesUnit } = observed;
  const files = sharedFiles.flatMap((file) => differences(file, observed));
  const isLoaded = table !== undefined && table.sha256 === loadedTable;
  return [
    ...files.map((text): Finding => ({ text, remedy: "shared" })),
    ...(table === undefined
      ? [
          {
            text: "the kernel has no port rules of ours (table inet pulumi_jail): nobody reaches it",
            remedy: "load",
          } as const,
        ]
      : isLoaded
        ? []
        : [{ text: "the port rules (table inet pulumi_jail) were changed", remedy: "load" } as const]),
    ...(observed.enabled.has(RULES_UNIT)
      ? []
      : [{ text: `${RULES_UNIT} is not enabled: no port would be reached after a reboot`, remedy: "shared" } as const]),
    ...(rulesUnit["ActiveState"] === "active"
      ? []
      : [{ text: `${RULES_UNIT} is not active`, remedy: "load" } as const]),
    ...(rulesUnit["NeedDaemonReload"] === "yes"
      ? [{ text: `${RULES_UNIT} differs from what systemd has loaded`, remedy: "reload" } as const]
      : []),
  ];
}

function registryFindings(inputs: JailedServiceInputs, observed: Observed): readonly Finding[] {
  const mine = observed.registry.filter((entry) => entry.serviceName === inputs.serviceName);
  return Object.entries(inputs.ports).flatMap(([key, port]) => {
    const endpoint = inputs.endpoints[key];
    if (!endpoint || port.socket !== undefined) return [];
    return mine.some((entry) => entry.key === key && entry.hostPort === endpoint.hostPort)
      ? []
      : [
          {
            text: `port ${endpoint.hostPort} (${key}) is not in the host's registry any more`,
            remedy: "registry",
          } as const,
        ];
  });
}

function dataFindings(inputs: JailedServiceInputs, around: Surroundings, observed: Observed): readonly Finding[] {
  return dataDirectories(inputs, around.launch).flatMap(({ hostPath }) => {
    const uid = observed.directories.get(hostPath);
    if (uid === around.uid) return [];
    return [
      {
        text: uid === undefined ? `${hostPath} is gone` : `${hostPath} belongs to uid ${uid}`,
        remedy: "data",
      } as const,
    ];
  });
}

/** The other slot is empty but for the moments of a switchover. */
function leftoverFindings(
  inputs: JailedServiceInputs,
  observed: Observed,
  serving: Slot | undefined,
): readonly Finding[] {
  const idle = serving ? [otherSlot(serving)] : (["a", "b"] as const);
  return idle
    .filter((slot) => hasTraces(inputs.serviceName, observed, slot))
    .map((slot) => ({ text: `slot ${slot} holds the rest of a switchover`, remedy: "retire" }));
}

export function hasTraces(serviceName: string, observed: Observed, slot: Slot): boolean {
  const parts = [`${SERVICES}/${serviceName}/${slot}/`, `/etc/systemd/system/jailed-${serviceName}@${slot}`];
  return (
    isActive(observed, slot) ||
    observed.slots[slot].networkUnit["ActiveState"] === "active" ||
    Object.keys(observed.slots[slot].network).length > 0 ||
    observed.slots[slot].dropIns.length > 0 ||
    [...observed.files.keys()].some((path) => parts.some((part) => path.startsWith(part)))
  );
}

function isActive(observed: Observed, slot: Slot): boolean {
  return ["active", "activating", "reloading"].includes(observed.slots[slot].unit["ActiveState"] ?? "");
}

function differences(file: FileText, observed: Observed): readonly string[] {
  const there = observed.files.get(file.path);
  if (!there) return [`${file.path} is gone`];
  if (there.sha256 !== createHash("sha256").update(file.content).digest("hex")) return [`${file.path} was changed`];
  if (there.mode !== file.mode) return [`${file.path} has mode ${there.mode}, not ${file.mode}`];
  return there.uid === 0 ? [] : [`${file.path} belongs to uid ${there.uid}, not root`];
}

function resultOf(result: string | undefined): string {
  return result && result !== "success" ? ` (${result})` : "";
}
