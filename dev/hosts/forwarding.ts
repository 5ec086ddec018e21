import { run } from "./command.ts";

/** A chain of somebody else's, as nft names it. */
export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
}

interface NftObject {
  readonly chain?: { family: string; table: string; name: string; hook?: string; policy?: string };
  readonly rule?: { family: string; table: string; chain: string; handle: number; comment?: string };
}

/**
 * Lets the bridge's packets through forward chains that drop by default, as Docker's and a firewall's do: an accept in a
 * table of ours can't overrule them (nft(8), "verdict statements").
 */
export async function openForwardChains(bridge: string): Promise<void> {
  await closeForwardChains(bridge);
  const rules = closedForwardChains((await run(["nft", "-j", "list", "chains"])).stdout).flatMap((chain) =>
    ["iifname", "oifname"].map(
      (way) =>
        `insert rule ${chain.family} ${chain.table} ${chain.chain} ${way} "${bridge}" accept comment "${bridge}"\n`,
    ),
  );
  if (rules.length > 0) await run(["nft", "-f", "-"], { input: rules.join("") });
}

/** Takes back what {@link openForwardChains} did. */
export async function closeForwardChains(bridge: string): Promise<void> {
  const chains = closedForwardChains((await run(["nft", "-j", "list", "chains"])).stdout);
  for (const { family, table, chain } of chains) {
    const listed = await run(["nft", "-j", "-a", "list", "chain", family, table, chain]);
    for (const handle of handlesOf(listed.stdout, bridge)) {
      await run(["nft", "delete", "rule", family, table, chain, "handle", String(handle)], { reject: false });
    }
  }
}

/** The IPv4 forward chains of `nft -j list chains` that drop what no rule accepts. */
export function closedForwardChains(json: string): Chain[] {
  return objectsOf(json).flatMap(({ chain }) =>
    chain?.hook === "forward" && chain.policy === "drop" && ["ip", "inet"].includes(chain.family)
      ? [{ family: chain.family, table: chain.table, chain: chain.name }]
      : [],
  );
}

/** Handles of the rules of `nft -j -a list chain` that carry the comment. */
export function handlesOf(json: string, comment: string): number[] {
  return objectsOf(json).flatMap(({ rule }) => (rule?.comment === comment ? [rule.handle] : []));
}

function objectsOf(json: string): readonly NftObject[] {
  return (JSON.parse(json || "{}") as { nftables?: NftObject[] }).nftables ?? [];
}
