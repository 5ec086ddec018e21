/**
 * IPAddressAllow= of a served jail: every unicast address but link-local ones (where clouds keep credentials),
 * multicast and the other jails' networks. Clients come with their own addresses, so a shorter list would shut them out.
 */
export function allowedAddresses(hostAddress: string | undefined): readonly string[] {
  const denied = ["0.0.0.0/8", "169.254.0.0/16", "100.127.0.0/16", "224.0.0.0/3"];
  return [...complementOf(denied), ...(hostAddress ? [`${hostAddress}/31`] : [])];
}

interface Block {
  readonly first: number;
  readonly length: number;
}

/** The fewest IPv4 prefixes that hold every address outside of the given ones, in order. */
export function complementOf(prefixes: readonly string[]): readonly string[] {
  const denied = prefixes.map(parse);
  return split({ first: 0, length: 0 }, denied).map(render);
}

function split(block: Block, denied: readonly Block[]): readonly Block[] {
  const touching = denied.filter((other) => contains(block, other) || contains(other, block));
  if (touching.length === 0) return [block];
  if (touching.some((other) => contains(other, block))) return [];
  const length = block.length + 1;
  const halves = [block.first, block.first + 2 ** (32 - length)];
  return halves.flatMap((first) => split({ first, length }, touching));
}

function contains(outer: Block, inner: Block): boolean {
  const size = 2 ** (32 - outer.length);
  return outer.length <= inner.length && Math.floor(inner.first / size) === Math.floor(outer.first / size);
}

function parse(prefix: string): Block {
  const [address = "", length] = prefix.split("/");
  return { first: address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0), length: Number(length) };
}

function render({ first, length }: Block): string {
  return `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".")}/${length}`;
}
