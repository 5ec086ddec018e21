import { allowed, allowedNumber, isAddress, isWord } from "../haproxy/allowed.ts";
import { type Owner, parseOwner, renderOwner } from "../ownership/ownership.ts";

/** A port of a host that the kernel leads elsewhere, without a proxy: a mapping of engine "nftables". */
export interface Forward {
  readonly owner: Owner;
  readonly name: string;
  readonly protocol: "tcp" | "udp";
  /** One of the host's own addresses, never all. */
  readonly address: string;
  readonly bindPort: number;
  /** Those that get new connections. */
  readonly targets: readonly ForwardTarget[];
}

export interface ForwardTarget {
  readonly address: string;
  readonly port: number;
  /** 1 to 256. */
  readonly weight: number;
}

/** What a forward's file says of itself. */
export type ForwardMark = Omit<Forward, "targets">;

/**
 * A chain of its own in our table, and the element that leads there. A target that is a jail's port on this host is written
 * as others know it; the host puts in where it leads to just now (forward_resolve in lib-forward.sh). Who is connected
 * stays with its target, as the kernel translates by connection (nft(8), NAT statements).
 */
export function renderForward(forward: Forward): string {
  const { owner, name, protocol, address, bindPort, targets } = forward;
  const chain = `mapping-${allowed(isWord, name)}`;
  const number = NUMBERS[protocol];
  const bind = `${number} . ${allowed(isAddress, address)} . ${allowedNumber(bindPort, 1, 65535)}`;
  const remote = [...new Set(targets.map((target) => `${number} . ${elementOf(target)}`))];
  return [
    `${HEAD}${name} ${protocol} ${address} ${bindPort} ${renderOwner(owner).trimEnd()}`,
    `# addresses ${[address, ...targets.map((target) => allowed(isAddress, target.address))].join(" ")}`,
    `add chain inet pulumi_jail ${chain}`,
    ...(targets.length > 0
      ? [
          `add rule inet pulumi_jail ${chain} meta l4proto ${number} dnat ip to ${renderChoice(targets)}`,
          `add element inet pulumi_jail forwards { ${bind} : goto ${chain} }`,
          `add element inet pulumi_jail forwarded { ${remote.join(", ")} }`,
        ]
      : []),
    "",
  ].join("\n");
}

/** Undefined when the text is none of ours. */
export function parseForwardMark(text: string): ForwardMark | undefined {
  const [line = ""] = text.split("\n", 1);
  const match = /^([a-z0-9-]+) (tcp|udp) ([0-9.]+) (\d+) (\{.*\})$/.exec(line.slice(HEAD.length));
  const found = line.startsWith(HEAD) && match ? parseOwner(match[5]) : undefined;
  if (!match || found?.state !== "owned") return undefined;
  const [, name = "", protocol, address = "", bindPort] = match;
  return { owner: found.owner, name, protocol: protocol as "tcp" | "udp", address, bindPort: Number(bindPort) };
}

/** The element of the map, as `nft get element` wants it. */
export function bindElement({ protocol, address, bindPort }: ForwardMark): string {
  return `${NUMBERS[protocol]} . ${address} . ${bindPort}`;
}

const HEAD = "# pulumi-jail: mapping ";
/** IANA's protocol numbers: names need /etc/protocols. */
const NUMBERS = { tcp: 6, udp: 17 } as const;

/** Each new connection draws a number; a target has as many as its weight. */
function renderChoice(targets: readonly ForwardTarget[]): string {
  let next = 0;
  const ranges = targets.map((target) => {
    const first = next;
    next += Number(allowedNumber(target.weight, 1, 256));
    return `${first === next - 1 ? first : `${first}-${next - 1}`} : ${elementOf(target)}`;
  });
  return `numgen random mod ${next} map { ${ranges.join(", ")} }`;
}

function elementOf({ address, port }: ForwardTarget): string {
  return `${allowed(isAddress, address)} . ${allowedNumber(port, 1, 65535)}`;
}
