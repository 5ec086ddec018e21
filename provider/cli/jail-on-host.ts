import { manifestPath } from "../generation/layout.ts";
import type { Host } from "../host/host.ts";
import { hostFor } from "../host/pool.ts";
import { read } from "../host/questions/read.ts";
import { onSameMachine } from "../host/same-machine.ts";
import { type DesiredJail, desiredJail } from "../jail/desired.ts";
import { observeJail } from "../jail/observe.ts";
import type { ObservedJail } from "../jail/observed.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { parseManifest } from "../manifest/parse.ts";
import type { KnownJail } from "./stack.ts";

/** A jail of the state with what its host shows of it. */
export interface JailOnHost {
  readonly jail: KnownJail;
  readonly host: Host;
  readonly desired: DesiredJail;
  readonly observed: ObservedJail;
  /** The current generation. */
  readonly generation: string;
}

/** Looks at a jail on its host; changes nothing. Throws when there is none. */
export async function lookAt(jail: KnownJail): Promise<JailOnHost> {
  const { properties } = jail;
  const host = onSameMachine(hostFor(properties.connection), properties.hostId);
  const desired = desiredJail(properties);
  const [observed] = await host.ask([observeJail(desired)]);
  const generation = observed.record?.generation ?? "";
  if (generation === "") throw new Error(`${host.label} has no generation of jail ${properties.jailName}`);
  return { jail, host, desired, observed, generation };
}

/** The manifest of a generation that is kept; `wanted` may be the beginning of its digest. */
export async function manifestOf(
  { host, desired, observed }: JailOnHost,
  wanted: string,
): Promise<{ readonly digest: string; readonly manifest: Manifest }> {
  const [digest, other] = observed.kept.filter((kept) => kept.startsWith(wanted));
  const { jailName } = desired;
  if (digest === undefined)
    throw new Error(`jail ${jailName} keeps no ${wanted}; kept are ${observed.kept.join(", ")}`);
  if (other !== undefined) throw new Error(`${wanted} is ${digest} or ${other}`);
  const [text] = await host.ask([read(manifestPath(desired.base, digest))]);
  if (text === undefined) throw new Error(`generation ${digest} of jail ${jailName} has lost its manifest`);
  return { digest, manifest: parseManifest(text) };
}
