import { existsSync } from "node:fs";
import { run } from "./command.ts";
import { cableName, kernelNames } from "./layout.ts";
import type { HostRecord, RunRecord } from "./types.ts";

/**
 * Pulls the machine's end of the host's cable out of the bridge. Neither end sees its carrier go, so that both wait as
 * with a broken switch. The neighbour entry keeps this machine from finding out by ARP: a new connection must time out, not
 * be refused with "no route to host".
 */
export async function partitionHost(record: RunRecord, host: HostRecord): Promise<void> {
  const { bridge } = kernelNames(record.slot);
  const mac = await macOf(record, host);
  if (mac !== undefined)
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

async function macOf(record: RunRecord, host: HostRecord): Promise<string | undefined> {
  const { bridge } = kernelNames(record.slot);
  const answer = await run(["ip", "-j", "neigh", "show", host.address, "dev", bridge]);
  const [entry] = JSON.parse(answer.stdout || "[]") as { lladdr?: string }[];
  return entry?.lladdr;
}
