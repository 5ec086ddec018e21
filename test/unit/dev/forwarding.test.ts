import { describe, expect, it } from "vitest";
import { closedForwardChains, handlesOf } from "../../../dev/hosts/forwarding.ts";

const chain = (family: string, table: string, name: string, hook?: string, policy?: string) => ({
  chain: { family, table, name, handle: 1, ...(hook === undefined ? {} : { type: "filter", hook, prio: 0, policy }) },
});

describe("forward chains of others", () => {
  it("are in the hosts' way only where they drop IPv4 by default", () => {
    const json = JSON.stringify({
      nftables: [
        { metainfo: { version: "1.0.6" } },
        chain("ip", "filter", "FORWARD", "forward", "drop"),
        chain("inet", "firewall", "forward", "forward", "drop"),
        chain("ip", "filter", "DOCKER"),
        chain("inet", "open", "forward", "forward", "accept"),
        chain("inet", "firewall", "input", "input", "drop"),
        chain("ip6", "filter", "FORWARD", "forward", "drop"),
      ],
    });
    expect(closedForwardChains(json)).toEqual([
      { family: "ip", table: "filter", chain: "FORWARD" },
      { family: "inet", table: "firewall", chain: "forward" },
    ]);
    expect(closedForwardChains("")).toEqual([]);
  });

  it("lose our rules only, known by their comment", () => {
    const rule = (handle: number, comment?: string) => ({
      rule: { family: "ip", table: "filter", chain: "FORWARD", handle, comment, expr: [] },
    });
    const json = JSON.stringify({
      nftables: [chain("ip", "filter", "FORWARD"), rule(4, "pjdev1"), rule(5), rule(6, "pjdev10")],
    });
    expect(handlesOf(json, "pjdev1")).toEqual([4]);
  });
});
