import {
  conflictOf,
  conflictsWithForward,
  describeDisagreement,
  disagreements,
  type SharedOption,
  sharedOptions,
} from "../haproxy/conflict.ts";
import type { Fragment } from "../haproxy/fragment.ts";
import type { Mapping } from "../haproxy/mapping.ts";
import { HostError } from "../host/errors.ts";
import { type Found, judgeCreate, judgeUpdate } from "../ownership/ownership.ts";
import type { Call } from "../resource/kind.ts";
import { isForeign } from "./edge.ts";
import type { PortMappingInputs, PortMappingOutputs } from "./inputs.ts";
import type { Edge } from "./observed.ts";

/** Whose the fragment of that name is. One that a hand has spoilt is still ours when it bears our claim. */
export function foundOf(edge: Edge, name: string, claim: string | undefined): Found {
  const found = edge.fragments.find((other) => other.name === name);
  if (!found) return { state: "nothing" };
  if (found.fragment) return { state: "owned", owner: found.fragment.owner };
  if (claim !== undefined && found.text.includes(`"claim":"${claim}"`))
    return { state: "owned", owner: { organization: "", project: "", stack: "", urn: "", claim } };
  return { state: "foreign" };
}

/** The claim to go on under; throws when the name, the port or a part of the edge is somebody else's. */
export function claimOf(
  call: Call,
  inputs: PortMappingInputs,
  state: (PortMappingInputs & PortMappingOutputs) | undefined,
  edge: Edge,
): string {
  const refuse = (reason: string) => {
    throw new HostError("foreign", call.host.label, `mapping "${inputs.mappingName}" is refused: ${reason}`);
  };
  const found = foundOf(edge, inputs.mappingName, state?.claim);
  const { claim, ...mine } = call.owner;
  const adopt = inputs.adopt === true;
  const verdict = state ? judgeUpdate(found, mine, state.claim, adopt) : judgeCreate(found, mine, claim, adopt);
  if (verdict.verdict === "refuse") return refuse(verdict.reason);
  if (isForeign(edge)) return refuse("there is a unit pulumi-jail-edge.service which is not ours");
  const unreadable = edge.fragments.find((other) => !other.fragment && other.name !== inputs.mappingName);
  if (unreadable)
    return refuse(
      `the fragment of mapping "${unreadable.name}" on this edge is unreadable, and no configuration goes without it; run its own stack's up, or a newer pulumi-jail`,
    );
  return verdict.claim;
}

/** Throws when another mapping, of whatever stack, or a program of the host has what this one asks for. */
export function refuseConflicts(call: Call, mapping: Mapping, renamedFrom: string | undefined, edge: Edge): void {
  const refuse = (reason: string) => {
    throw new HostError("foreign", call.host.label, `mapping "${mapping.name}" is refused: ${reason}`);
  };
  const before = edge.fragments.find(({ name }) => name === (renamedFrom ?? mapping.name))?.fragment?.mapping;
  for (const { name, fragment } of edge.fragments) {
    if (!fragment || name === renamedFrom) continue;
    const conflict = conflictOf(mapping, fragment.mapping);
    if (conflict) refuse(`${conflict}; it belongs to ${fragment.owner.urn}`);
    for (const difference of disagreements(mapping, fragment.mapping)) {
      const words = describeDisagreement(difference, fragment.mapping);
      if (!mayDiffer(call, difference, before, fragment)) refuse(`${words}; it belongs to ${fragment.owner.urn}`);
      call.warn?.(`${words}; meanwhile the stricter holds for both`);
    }
  }
  for (const mark of edge.forwards) {
    const conflict = mark.owner.claim === call.owner.claim ? undefined : conflictsWithForward(mapping, mark);
    if (conflict) refuse(`${conflict}; it belongs to ${mark.owner.urn}`);
  }
  const stranger = edge.strangers.find((listener) => overlaps(listener.local, mapping));
  if (stranger) refuse(`port ${mapping.bindPort} is held by ${stranger.program}, pid ${stranger.pid}`);
}

/**
 * Two mappings of one stack that gave the same come to another value one after the other; without this neither could be the
 * first. A new difference is refused, and one with another stack, whose owner did not ask for it.
 */
function mayDiffer(
  call: Call,
  { option, at, mine }: SharedOption,
  before: Mapping | undefined,
  { owner, mapping: other }: Fragment,
): boolean {
  const { organization, project, stack } = call.owner;
  const isOurs = owner.organization === organization && owner.project === project && owner.stack === stack;
  if (!before || !isOurs) return false;
  const then = sharedOptions(before, other).find((one) => one.option === option && one.at === at);
  return then !== undefined && (then.mine === then.its || then.mine === mine);
}

function overlaps(local: string, mapping: Mapping): boolean {
  const address = local
    .slice(0, local.lastIndexOf(":"))
    .replace(/^\[|\]$/g, "")
    .replace(/%.*$/, "");
  return mapping.bindAddress === "*" || ["*", "0.0.0.0", "::", mapping.bindAddress].includes(address);
}
