import { existsSync, readdirSync } from "node:fs";
import { run } from "./command.ts";
import { closeForwardChains, openForwardChains } from "./forwarding.ts";
import { nameServers } from "./host-root.ts";
import { kernelNames } from "./layout.ts";
import { gatewayOf } from "./subnet.ts";
import type { RunRecord } from "./types.ts";

/** Higher than any metric a bridge's own route has, so that it counts only while the bridge is down or gone. */
const LAST_METRIC = "4278198272";

/** Every address range this machine uses, for the choice of a network that is free. */
export async function usedRanges(): Promise<string[]> {
  const routes = JSON.parse((await run(["ip", "-j", "-4", "route", "show", "table", "all"])).stdout || "[]") as {
    dst?: string;
  }[];
  return [...routes.flatMap((route) => route.dst ?? []), ...nameServers()];
}

/** Slots whose bridge is there, whoever made it: another state directory's runs are not in our registry. */
export function slotsOfBridges(): number[] {
  return readdirSync("/sys/class/net").flatMap((name) => /^pjdev(\d+)$/.exec(name)?.slice(1).map(Number) ?? []);
}

/** Makes the run's bridge, its way out and its fence, whatever of it is missing. Hold the registry's lock. */
export async function ensureNetwork(record: RunRecord): Promise<void> {
  const { bridge, table } = kernelNames(record.slot);
  if (!existsSync(`/sys/class/net/${bridge}`)) {
    // An address of its own: else it takes its ports', and forgets all neighbours each time a host comes or goes.
    const address = `02:70:6a:00:00:${record.slot.toString(16).padStart(2, "0")}`;
    await run(["ip", "link", "add", "name", bridge, "address", address, "type", "bridge"]);
  }
  await run(["ip", "address", "replace", `${gatewayOf(record.subnet)}/24`, "dev", bridge]);
  await run(["ip", "link", "set", bridge, "up"]);
  // Keeps a packet for a host from leaving by the default route while the bridge is not up.
  await run(["ip", "route", "replace", "unreachable", record.subnet, "metric", LAST_METRIC]);
  await run(["nft", "-f", "-"], {
    input: `table ip ${table} { }
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${record.subnet} oifname != "${bridge}" masquerade
  }
}
`,
  });
  await openForwardChains(bridge);
}

/** Takes the run's network away. Hold the registry's lock. */
export async function removeNetwork(record: RunRecord): Promise<void> {
  const { bridge, table } = kernelNames(record.slot);
  if (existsSync(`/sys/class/net/${bridge}`)) await run(["ip", "link", "delete", bridge]);
  await run(["ip", "route", "delete", "unreachable", record.subnet, "metric", LAST_METRIC], { reject: false });
  await run(["nft", "delete", "table", "ip", table], { reject: false });
  await closeForwardChains(bridge);
}
