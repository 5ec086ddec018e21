import { allowed, allowedNumber, isAddress, isCidr } from "../haproxy/allowed.ts";

/** An address that goes from edge to edge, as one mapping asks for it. */
export interface VirtualAddress {
  /** CIDR: the prefix is the network's. */
  readonly address: string;
  /** The network device of this edge. */
  readonly interface: string;
  /** VRRP's number of the group, 1 to 255; the same on all edges, and no other group's on this network. */
  readonly routerId: number;
  /** 1 to 254; who has the highest holds the address. */
  readonly priority: number;
  /** Addresses of the other edges; none: by multicast. */
  readonly peers: readonly string[];
}

/** Where one address belongs. */
export type Place = Pick<VirtualAddress, "address" | "interface" | "routerId">;

/** The watcher of the proxy writes 0 here while it answers (host/scripts/step-address.sh). */
export const WATCH_FILE = "/run/pulumi-jail-edge-watch/proxy";

/**
 * keepalived.conf(5) of all mappings; "" without any. One VRRP instance for each interface and routerId: the mappings'
 * addresses and peers together, the highest of their priorities. `staying` are addresses that are to be held until the
 * new ones are there.
 */
export function renderKeepalived(wanted: readonly VirtualAddress[], staying: readonly Place[] = []): string {
  const names = [...new Set(wanted.map(instanceOf))].sort();
  if (names.length === 0) return "";
  return [HEADER, ...names.map((name) => renderInstance(name, wanted, staying))].join("\n");
}

/** The addresses that a configuration of ours has. */
export function parsePlaces(text: string): readonly Place[] {
  return [...text.matchAll(/^ {8}(\S+) dev (\S+) # (\d+)$/gm)].map(([, address, device, routerId]) => ({
    address: address!,
    interface: device!,
    routerId: Number(routerId),
  }));
}

/** Why two addresses can't stand beside each other on one edge, or undefined. */
export function conflictOfAddresses(mine: VirtualAddress, other: VirtualAddress): string | undefined {
  if (hostPart(mine.address) !== hostPart(other.address)) return undefined;
  if (instanceOf(mine) === instanceOf(other) && mine.address === other.address) return undefined;
  return `virtual address ${mine.address} on ${mine.interface} with routerId ${mine.routerId} is there as ${other.address} on ${other.interface} with routerId ${other.routerId}`;
}

/** A network device's name as the kernel takes it, without an alias. */
export function isInterface(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/.test(text);
}

/** `192.0.2.1` of `192.0.2.1/24`. */
export function hostPart(cidr: string): string {
  return cidr.split("/")[0]!;
}

/** Version 3 of VRRP tells parts of a second: who is silent for 3.6 of them has lost the address. */
const HEADER = `# Made by pulumi-jail from the mappings on this host. A change made here is drift and is undone.
global_defs {
    vrrp_version 3
    vrrp_garp_master_refresh 30
}

track_file proxy {
    file ${WATCH_FILE}
}
`;

function instanceOf({ interface: device, routerId }: Place): string {
  return `${allowed(isInterface, device)}-${allowedNumber(routerId, 1, 255)}`;
}

function renderInstance(name: string, wanted: readonly VirtualAddress[], staying: readonly Place[]): string {
  const mine = wanted.filter((one) => instanceOf(one) === name);
  const [{ interface: device, routerId }] = mine as [VirtualAddress];
  const peers = [...new Set(mine.flatMap((one) => one.peers))].sort();
  const addresses = [...mine, ...staying.filter((one) => instanceOf(one) === name)].map(({ address }) => address);
  const lines = [...new Set(addresses)]
    .sort()
    .map((address) => `${allowed(isCidr, address)} dev ${device} # ${routerId}`);
  return `vrrp_instance ${name} {
    state BACKUP
    interface ${device}
    virtual_router_id ${routerId}
    priority ${allowedNumber(Math.max(...mine.map(({ priority }) => priority)), 1, 254)}
    advert_int 0.4
${
  peers.length === 0
    ? ""
    : block(
        "unicast_peer",
        peers.map((peer) => allowed(isAddress, peer)),
      )
}${block("virtual_ipaddress", lines)}${block("track_file", ["proxy weight 0"])}}
`;
}

function block(name: string, lines: readonly string[]): string {
  return `    ${name} {\n${lines.map((line) => `        ${line}\n`).join("")}    }\n`;
}
