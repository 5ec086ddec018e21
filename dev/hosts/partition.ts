import { existsSync } from "node:fs";
import { run } from "./command.ts";
import { leaderOf } from "./exec.ts";
import { cableName, kernelNames } from "./layout.ts";
import type { HostRecord, RunRecord } from "./types.ts";

/**
 * Pulls the machine's end of the host's cable out of the bridge. Neither end sees its carrier go, so that both wait as
 * with a broken switch. The neighbour entry keeps this machine from finding out by ARP: a new connection must time out, not
 * be refused with "no route to host".
 */
export async function partitionHost(record: RunRecord, host: HostRecord): Promise<void> {
  const { bridge } = kernelNames(record.slot);
  const mac = await macOf(host);
  await run(["ip", "neigh", "replace", host.address, "lladdr", mac, "dev", bridge, "nud", "permanent"]);
  await run(["ip", "link", "set", cableName(host.machine), "nomaster"]);
}

/** Puts the cable back. */
export async function healHost(record: RunRecord, host: HostRecord): Promise<void> {
  const { bridge } = kernelNames(record.slot);
  await run(["ip", "link", "set", cableName(host.machine), "master", bridge]);
  await run(["ip", "neigh", "delete", host.address, "dev", bridge], { reject: false });
}

/** Whether the host's cable is out of its bridge. */
export function isPartitioned(host: HostRecord): boolean {
  const cable = `/sys/class/net/${cableName(host.machine)}`;
  return existsSync(cable) && !existsSync(`${cable}/master`);
}

/** Asked of the host's own end: our neighbour table may just have forgotten it. */
async function macOf(host: HostRecord): Promise<string> {
  const leader = leaderOf(host);
  if (leader === undefined) throw new Error(`host ${host.name} is not running: it can't be cut off`);
  const answer = await run(["nsenter", `--target=${leader}`, "--net", "ip", "-json", "link", "show", "dev", "host0"]);
  const [link] = JSON.parse(answer.stdout) as { address?: string }[];
  if (link?.address === undefined) throw new Error(`host ${host.name} has no cable`);
  return link.address;
}
