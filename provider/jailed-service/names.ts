import type { Slot } from "../ports/network.ts";
import type { JailedServiceInputs } from "./inputs.ts";

/** What belongs to services, a directory each. */
export const SERVICES = "/var/lib/pulumi-jail/services";
/** Data that outlives services, a directory each. */
export const VOLUMES = "/var/lib/pulumi-jail/volumes";

/** The unit of one slot. */
export function unitName(serviceName: string, slot: Slot): string {
  return `jailed-${serviceName}@${slot}.service`;
}

/** The generation's tree on the host. */
export function treeOf(inputs: Pick<JailedServiceInputs, "jailName" | "generation">): string {
  return `/var/lib/pulumi-jail/jails/${inputs.jailName}/generations/${inputs.generation}`;
}

/** By their keys, so that equal inputs render to equal texts. */
export function sorted<Value>(
  record: Readonly<Record<string, Value>> | undefined,
): readonly (readonly [string, Value])[] {
  return Object.entries(record ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}
