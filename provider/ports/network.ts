/** The slots of a service: two instances, of which one serves. */
export type Slot = "a" | "b";

/** Both, in order. */
export const slots: readonly Slot[] = ["a", "b"];

/** The one that it is not. */
export function otherSlot(slot: Slot): Slot {
  return slot === "a" ? "b" : "a";
}

/** Addresses and names of one slot's network, all from the service's number on its host. */
export interface SlotNetwork {
  /** `ip netns` name. */
  readonly namespace: string;
  /** The host's end of the veth pair: at most 15 characters (IFNAMSIZ). */
  readonly device: string;
  readonly hostAddress: string;
  readonly jailAddress: string;
}

/** All jails' networks; a part of the shared address space (RFC 6598) that other tools seldom take. */
export const JAIL_NETWORKS = "100.127.0.0/16";

/** At most so many services on one host: four addresses each. */
export const LAST_NETWORK_NUMBER = 16383;

/** A /31 per slot (RFC 3021): even is the host's end, odd the jail's. */
export function slotNetwork(serviceName: string, number: number, slot: Slot): SlotNetwork {
  const offset = number * 4 + (slot === "a" ? 0 : 2);
  return {
    namespace: `jail-${serviceName}-${slot}`,
    device: `pjv-${number}${slot}`,
    hostAddress: address(offset),
    jailAddress: address(offset + 1),
  };
}

function address(offset: number): string {
  return `100.127.${offset >> 8}.${offset & 255}`;
}
