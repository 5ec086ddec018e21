import * as v from "valibot";
import { canonicalAddress, familyOf } from "../haproxy/address.ts";
import { isAddress, isCidr } from "../haproxy/allowed.ts";
import { hostPart, isInterface } from "../keepalived/configuration.ts";
import { known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown } from "../resource/unknown.ts";

/** Each leaf by itself; what depends on two is in failuresOfVirtualAddress. */
export function virtualAddressSchema() {
  return known(
    v.strictObject(
      {
        address: leaf((value) => isText(isCidr)(value), "is no CIDR such as 192.0.2.100/24"),
        interface: leaf(isText(isInterface), "is no name of a network device"),
        routerId: leaf((value) => isWhole(value, 255), "is no routerId; 1 to 255"),
        priority: v.optional(leaf((value) => isWhole(value, 254), "is no priority; 1 to 254")),
        peers: v.optional(
          known(v.array(leaf(isText(isAddress), "is no IP address"), (issue) => `${shown(issue.input)} is no list`)),
        ),
      },
      (issue) =>
        issue.expected === "never"
          ? `${shown(issue.input)} is not known here`
          : issue.input === undefined
            ? "is missing"
            : `${shown(issue.input)} is no { address, interface, routerId, priority, peers }`,
    ),
  );
}

/** Edges speak to each other in one family of addresses. */
export function failuresOfVirtualAddress(given: unknown): readonly Failure[] {
  if (!isObject(given) || isUnknown(given)) return [];
  const { address, peers } = given;
  if (typeof address !== "string" || isUnknown(address) || !isCidr(address) || !Array.isArray(peers)) return [];
  const family = familyOf(hostPart(address));
  return peers.flatMap((peer: unknown, index) =>
    typeof peer === "string" && !isUnknown(peer) && familyOf(peer) !== undefined && familyOf(peer) !== family
      ? [{ property: `virtualAddress.peers[${index}]`, reason: `${shown(peer)} is no IPv${family} address` }]
      : [],
  );
}

/** With every default decided. */
export function withDefaults(given: unknown): unknown {
  if (!isObject(given) || isUnknown(given)) return given;
  const { address, peers } = given;
  return {
    priority: 100,
    peers: [],
    ...given,
    ...(typeof address === "string" && isCidr(address)
      ? { address: `${canonicalAddress(hostPart(address))}/${address.split("/")[1]}` }
      : {}),
    ...(Array.isArray(peers)
      ? { peers: peers.map((peer: unknown) => (typeof peer === "string" ? canonicalAddress(peer) : peer)) }
      : {}),
  };
}

/** What clients ask for; unknown when it is not known yet, undefined without one. */
export function reachedAt(normalized: unknown): unknown {
  if (normalized === undefined || isUnknown(normalized)) return normalized;
  const address = isObject(normalized) ? normalized["address"] : undefined;
  return typeof address === "string" && !containsUnknown(address) ? hostPart(address) : address;
}

function leaf(holds: (value: unknown) => boolean, reason: string) {
  return known(
    v.custom<unknown>(holds, (issue) => (issue.input === undefined ? "is missing" : `${shown(issue.input)} ${reason}`)),
  );
}

function isText(test: (text: string) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === "string" && test(value);
}

function isWhole(value: unknown, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
