import * as pulumi from "@pulumi/pulumi";
import type { Host } from "../connection/resource.ts";
import { PortMapping, type PortMappingArgs, type VirtualAddressArgs } from "../port-mapping/resource.ts";
import { hostFailures } from "./check.ts";
import { memberOptions, refuse } from "./component.ts";

/** A PortMapping's arguments, which each edge gets; priorities of a virtual address are the edges' order. */
export interface PortMappingFleetArgs extends Omit<PortMappingArgs, "connection"> {
  /** The edges, the preferred one first; plain values, as they make the mappings' names. */
  readonly edges: readonly Host[];
}

/**
 * The same public port on several edges: a PortMapping for each, `NAME-EDGE`. A change begins at the last edge listed and
 * goes on to the next only when that one was read back: the first one, which clients use, comes last.
 */
export class PortMappingFleet extends pulumi.ComponentResource {
  /** Of the first edge; with a virtual address, that one's. */
  declare readonly url: pulumi.Output<string>;
  /** The mapping of each edge, by its name. */
  declare readonly mappings: Readonly<Record<string, PortMapping>>;

  constructor(name: string, args: PortMappingFleetArgs, options: pulumi.ComponentResourceOptions = {}) {
    refuse("PortMappingFleet", name, edgeFailures(name, args.edges));
    super("pulumi-jail:index:PortMappingFleet", name, {}, options);
    const { edges, ...own } = args;
    const members = memberOptions(this, options);
    const mappings: Record<string, PortMapping> = {};
    let before: pulumi.CustomResourceOptions["dependsOn"] = options.dependsOn;
    for (const [index, edge] of [...edges.entries()].reverse()) {
      const mapping = new PortMapping(
        mappingNameOn(name, edge.name),
        { ...own, ...virtualAddressOf(own, edges, index), connection: edge },
        { ...members, dependsOn: before },
      );
      mappings[edge.name] = mapping;
      before = [mapping];
    }
    const url = (mappings[edges[0]?.name ?? ""] as PortMapping).url;
    Object.assign(this, { mappings, url });
    this.registerOutputs({ url });
  }
}

/** How VRRP prefers the edge at this place of the list: 150, 140, and so on, never below 1 (RFC 5798, 5.2.4). */
export function priorityOf(index: number): number {
  return Math.max(1, 150 - 10 * index);
}

/** Each edge has a priority of its own, and knows the others to speak to them by unicast. */
export function virtualAddressOf(
  own: object,
  edges: readonly Host[],
  index: number,
): { readonly virtualAddress?: pulumi.Output<VirtualAddressArgs> } {
  const given = (own as { readonly virtualAddress?: pulumi.Input<VirtualAddressArgs> }).virtualAddress;
  if (given === undefined) return {};
  const peers = edges.filter((_, at) => at !== index).map(({ address }) => address);
  const virtualAddress = pulumi
    .all([given, peers])
    .apply(([plain, others]) => ({ ...(plain as VirtualAddressArgs), priority: priorityOf(index), peers: others }));
  return { virtualAddress };
}

function edgeFailures(name: string, edges: unknown) {
  const failures = hostFailures("edges", name, edges);
  if (failures.length > 0) return failures;
  return (edges as readonly Host[]).flatMap((edge, index) => {
    const { length } = mappingNameOn(name, edge.name);
    const reason = `its mapping would be called ${mappingNameOn(name, edge.name)}: ${length} characters, at most 40`;
    return length > 40 ? [{ property: `edges[${index}]`, reason }] : [];
  });
}

function mappingNameOn(name: string, edge: string): string {
  return `${name}-${edge}`;
}
