import type { Host } from "../host/host.ts";
import { hostIdOf } from "../host/host-id.ts";
import type { Question } from "../host/question.ts";
import { machine } from "../host/questions/machine.ts";
import type { Step } from "../host/step.ts";
import { makeDirectory, removeDirectory, removeFile, writeFile } from "../host/steps/files.ts";
import { daemonReload, enableUnit } from "../host/steps/units.ts";
import type { VirtualAddress } from "../keepalived/configuration.ts";
import { type FoundAddresses, observeAddresses } from "./address-observe.ts";
import { dropInsOf } from "./drift.ts";
import { type FoundJail, observeJail } from "./jail.ts";
import { observeEdge } from "./observe.ts";
import type { Edge } from "./observed.ts";
import { type FoundSnmp, observeSnmp } from "./snmp.ts";
import {
  EDGE_DIRECTORY,
  EDGE_JAIL_BASE,
  EDGE_SYSUSERS,
  EDGE_UNIT,
  EDGE_UNIT_PATH,
  generationOf,
  isOurUnit,
  renderEdgeUnit,
} from "./unit.ts";

/** Everything that a read or a plan needs to know of an edge, from one round trip. */
export interface Seen {
  readonly edge: Edge;
  /** What asks hosts with an snmpd for this mapping. */
  readonly snmp: FoundSnmp;
  /** Undefined when there is none. */
  readonly jail: FoundJail | undefined;
  /** systemd-analyze(1) security's score; undefined without a unit. */
  readonly exposure: number | undefined;
  readonly hostId: string;
  readonly addresses: FoundAddresses;
}

/** Looks at the edge; `bindPort` is the one whose other listeners matter, `name` the mapping's. */
export async function see(host: Host, bindPort: number, name: string, virtualAddress?: VirtualAddress): Promise<Seen> {
  const [edge, snmp, jail, exposure, { machineId }, addresses] = await host.ask([
    observeEdge(bindPort),
    observeSnmp(name),
    observeJail(),
    observeExposure(),
    machine(),
    observeAddresses(virtualAddress?.address, bindPort),
  ]);
  return { edge, snmp, jail, exposure, hostId: hostIdOf(machineId), addresses };
}

function observeExposure(): Question<number | undefined> {
  return {
    ask: "edge-exposure",
    args: [],
    parse: (text) => (text.trim() === "" ? undefined : Number(text.trim())),
  };
}

/** Whether a unit of our name is somebody else's; then nothing of it is touched. */
export function isForeign(edge: Edge): boolean {
  return (
    edge.unitFile !== undefined && !isOurUnit(edge.unitFile.text) && generationOf(edge.unitFile.text) === undefined
  );
}

/** The steps that make user, directories and unit as they have to be; none when they are. The jail stands by then. */
export function planEdge(digest: string, edge: Edge): readonly Step[] {
  const unit = renderEdgeUnit(digest);
  const unitDiffers = edge.unitFile?.text !== unit || edge.unitFile.mode !== "644:root:root";
  const dropIns = dropInsOf(edge);
  const reload = unitDiffers || dropIns.length > 0 || edge.unit["NeedDaemonReload"] === "yes";
  const steps: Step[] = [];
  if (edge.user === undefined)
    steps.push({ step: "edge-user", args: [], content: EDGE_SYSUSERS, describe: "making the user pulumi-jail-edge" });
  if (unitDiffers)
    steps.push(
      // From the inside: an empty directory may be swept by another plan, and would come again with another mode.
      makeDirectory({ path: EDGE_JAIL_BASE, mode: "0700", owner: "root:root" }),
      makeDirectory({ path: EDGE_DIRECTORY, mode: "0700", owner: "root:root" }),
      writeFile({ path: EDGE_UNIT_PATH, mode: "0644", owner: "root:root", content: unit }),
    );
  steps.push(...dropIns.map((path) => removeFile(path)));
  steps.push(...[...new Set(dropIns.map(parentOf))].map((path) => removeDirectory(path)));
  if (reload) steps.push(daemonReload([EDGE_UNIT]));
  if (edge.unit["UnitFileState"] !== "enabled") steps.push(enableUnit(EDGE_UNIT));
  return steps;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
