import { otherSlot, type Slot } from "../ports/network.ts";
import { RULES_UNIT, sharedRulesFiles } from "../systemd/rules-unit.ts";
import { dataDirectories } from "./data-directories.ts";
import type { SlotDesired, Surroundings } from "./desired.ts";
import { differences, type Finding } from "./finding.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES } from "./names.ts";
import type { Observed } from "./observed.ts";
import { responderFindings } from "./responder.ts";
import { slotFindings } from "./slot-findings.ts";

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
    ...responderFindings(inputs, around, observed),
    ...(desired
      ? slotFindings(inputs, around, observed, desired)
      : [{ text: "no instance of it serves", remedy: "switch" } as const]),
    ...leftoverFindings(inputs, observed, desired?.slot),
  ];
}

function sharedFindings(observed: Observed): readonly Finding[] {
  const { table, loadedTable, rulesUnit } = observed;
  const files = sharedRulesFiles.flatMap((file) => differences(file, observed));
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
  return dataDirectories(inputs, around).flatMap(({ hostPath }) => {
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

/** Whether anything of a slot is on the host. */
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
