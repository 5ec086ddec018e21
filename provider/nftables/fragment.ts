/** The elements that one service adds to our table: where its ports lead, and where its processes may connect to. */
export interface Fragment {
  readonly serviceName: string;
  /** The slot that serves: this file is what says so. */
  readonly slot: string;
  readonly generation: string;
  readonly ports: readonly MappedPort[];
  readonly egress: readonly EgressRule[];
}

/** A port of the host that leads to one of the jail. */
export interface MappedPort {
  readonly protocol: "tcp" | "udp";
  /** The host's own addresses that lead to the jail. */
  readonly hostAddresses: readonly string[];
  readonly hostPort: number;
  readonly jailAddress: string;
  readonly jailPort: number;
}

/** Where a jail may open connections to. */
export interface EgressRule {
  readonly jailAddress: string;
  /** CIDR. */
  readonly to: string;
  /** Undefined: all. */
  readonly port: number | undefined;
}

/** The fragment's text; it is written before the kernel's map is changed, so that a reboot never goes back. */
export function renderFragment(fragment: Fragment): string {
  const { serviceName, slot, generation, ports, egress } = fragment;
  const lines = [`# pulumi-jail: service ${serviceName}, slot ${slot}, generation ${generation}`];
  for (const protocol of ["tcp", "udp"] as const) {
    const elements = ports.filter((port) => port.protocol === protocol).flatMap(mapElements);
    if (elements.length > 0) lines.push(addElements(`${protocol}4`, elements));
  }
  if (egress.length > 0) lines.push(addElements("egress4", egress.map(egressElement)));
  return lines.join("\n") + "\n";
}

/** What a fragment says about who serves; undefined when the text is none of ours. */
export function parseFragment(text: string): { readonly slot: "a" | "b"; readonly generation: string } | undefined {
  const match = /^# pulumi-jail: service [a-z0-9-]+, slot ([ab]), generation ([0-9a-f]+)\n/.exec(text);
  return match ? { slot: match[1] as "a" | "b", generation: match[2] ?? "" } : undefined;
}

/** The map's elements as `nft list` writes them and the kernel must hold them: `1.2.3.4 . 20200 : 100.127.0.1 . 80`. */
export function mapElements(port: MappedPort): readonly string[] {
  return port.hostAddresses.map((address) => `${address} . ${port.hostPort} : ${port.jailAddress} . ${port.jailPort}`);
}

function egressElement({ jailAddress, to, port }: EgressRule): string {
  return `${jailAddress} . ${to} . ${port ?? "0-65535"}`;
}

function addElements(set: string, elements: readonly string[]): string {
  return `add element inet pulumi_jail ${set} { ${elements.join(", ")} }`;
}
