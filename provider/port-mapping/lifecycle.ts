import type { Fragment } from "../haproxy/fragment.ts";
import { type Call, type ResourceKind, Unfinished } from "../resource/kind.ts";
import { addressesOf, driftOfAddresses, driftOfHolder } from "./address.ts";
import { checkPortMapping } from "./check.ts";
import { converge as convergeProxy } from "./converge.ts";
import { mappingOf } from "./desired.ts";
import { describeDrift, mappingsOf } from "./drift.ts";
import { type Seen, see } from "./edge.ts";
import { convergeForward, readForward, removeForward } from "./forward.ts";
import { diffPortMapping, type PortMappingInputs, type PortMappingOutputs } from "./inputs.ts";
import { driftOfJail } from "./jail.ts";
import { foundOf } from "./owned.ts";
import { remove as removeProxy } from "./remove.ts";
import { driftOfSnmp, snmpOf } from "./snmp.ts";
import { driftOfWatch, etcdAway, planUnwatch, watch } from "./watch.ts";

type State = PortMappingInputs & PortMappingOutputs;

/** A public port on an edge, for the runtime. */
export const portMappingKind: ResourceKind<PortMappingInputs, PortMappingOutputs> = {
  kind: "port-mapping",
  check: checkPortMapping,
  diff: diffPortMapping,
  id: (inputs) => inputs.mappingName,
  read,
  converge,
  remove,
};

/**
 * The new way stands before the old one goes: the kernel's rules come before the proxy's socket, so no connection is
 * refused meanwhile. What a run that was cut left of the other engine goes with the next.
 */
async function converge(call: Call, inputs: PortMappingInputs, state: State | undefined): Promise<PortMappingOutputs> {
  const isForward = inputs.engine === "nftables";
  if (state?.backendsFrom && (!inputs.backendsFrom || state.mappingName !== inputs.mappingName))
    await call.host.apply({ lock: "edge", urn: call.owner.urn, steps: planUnwatch(state.mappingName) }, call.progress);
  const outputs = await (isForward ? convergeForward : convergeProxy)(call, inputs, state);
  if (inputs.backendsFrom) await watchOrTell(call, inputs, outputs);
  if (state && (state.engine !== inputs.engine || state.unfinished)) {
    const old = { ...state, claim: outputs.claim };
    await (isForward ? removeProxy : removeForward)(call, old);
  }
  return outputs;
}

/** The mapping stands by then, so the state has to know of it. */
async function watchOrTell(call: Call, inputs: PortMappingInputs, outputs: PortMappingOutputs): Promise<void> {
  try {
    await watch(call, inputs);
  } catch (error) {
    const reason = `the watcher of etcd does not run: ${error instanceof Error ? error.message : String(error)}`;
    throw new Unfinished<PortMappingOutputs>({ ...outputs, unfinished: true }, [reason]);
  }
}

function remove(call: Call, state: State): Promise<void> {
  return state.engine === "nftables" ? removeForward(call, state) : removeProxy(call, state);
}

/** Gone is only what neither lies on the edge nor is served by it. */
async function read(call: Call, state: State): Promise<PortMappingOutputs | undefined> {
  if (state.engine === "nftables") return readForward(call, state);
  const seen = await see(call.host, state.bindPort, state.mappingName, state.virtualAddress);
  const { edge } = seen;
  const name = state.mappingName;
  const found = foundOf(edge, name, state.claim);
  const served = edge.proxy?.servers.has(name) || edge.configuration?.text.includes(`\nbackend ${name}\n`);
  if (found.state === "nothing" && !served) return undefined;
  const away = state.backendsFrom ? await etcdAway(call, name) : undefined;
  if (away !== undefined) call.warn?.(away);
  const declared: Fragment = { owner: { ...call.owner, claim: state.claim }, mapping: mappingOf(state) };
  const drift =
    found.state === "owned" && found.owner.claim !== state.claim
      ? [`mapping ${name} is now of another state: ${found.owner.urn}`]
      : [
          ...describeDrift(declared, edge),
          ...driftOfJail(seen.jail),
          ...driftOfVirtual(seen, state),
          ...(state.backendsFrom ? await driftOfWatch(call, state) : []),
          ...driftOfSnmp(declared.mapping, snmpOf(state.weights), seen.snmp),
        ];
  return {
    claim: state.claim,
    hostId: seen.hostId,
    unfinished: state.unfinished,
    drift,
    exposure: seen.exposure ?? state.exposure,
    lastChange: state.lastChange,
  };
}

/** keepalived is the business of those mappings alone that have a virtual address. */
function driftOfVirtual({ edge, addresses }: Seen, state: State): readonly string[] {
  if (!state.virtualAddress) return [];
  const mappings = mappingsOf(edge);
  const drift = addressesOf(mappings).length > 0 ? driftOfAddresses(mappings, addresses) : [];
  return [...drift, ...driftOfHolder(state.virtualAddress, addresses)];
}
