/** A part of the IPv4 space: first address as a number, and prefix length. */
interface Range {
  readonly first: number;
  readonly length: number;
}

/** The second octet of the hosts' networks: 10.213.SLOT.0/24, or the next free second octet. */
const FIRST_OCTET = 213;
const LAST_OCTET = 250;

/**
 * Chooses the number and network of a new run: the lowest slot no other run holds whose /24 overlaps none of the ranges
 * that the machine itself uses (addresses, routes, name servers; `default` and other words are passed over).
 */
export function chooseSubnet(
  takenSlots: readonly number[],
  usedRanges: readonly string[],
): { readonly slot: number; readonly subnet: string } {
  const used = usedRanges.flatMap((text) => parseRange(text) ?? []);
  for (let slot = 1; slot <= 250; slot += 1) {
    if (takenSlots.includes(slot)) continue;
    for (let octet = FIRST_OCTET; octet <= LAST_OCTET; octet += 1) {
      const subnet = `10.${octet}.${slot}.0/24`;
      const range = parseRange(subnet);
      if (range !== undefined && !used.some((other) => overlaps(range, other))) return { slot, subnet };
    }
  }
  throw new Error("no network is left for another run: `node dev/hosts/cli.ts sweep` clears what killed runs left");
}

/** The gateway's address in a run's network: the bridge's. */
export function gatewayOf(subnet: string): string {
  return addressIn(subnet, 1);
}

/** The address of the n-th host (from 1) of a run. */
export function hostAddress(subnet: string, index: number): string {
  if (index < 1 || index > 200) throw new Error(`a run has at most 200 hosts, not ${index}`);
  return addressIn(subnet, 10 + index);
}

function addressIn(subnet: string, last: number): string {
  return subnet.replace(/\.0\/24$/, `.${last}`);
}

function parseRange(text: string): Range | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(text);
  if (match === null) return undefined;
  const octets = match.slice(1, 5).map(Number);
  return { first: octets.reduce((sum, octet) => sum * 256 + octet, 0), length: Number(match[5] ?? 32) };
}

function overlaps(a: Range, b: Range): boolean {
  const size = 2 ** (32 - Math.min(a.length, b.length));
  return Math.floor(a.first / size) === Math.floor(b.first / size);
}
