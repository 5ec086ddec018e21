import type { Mapping } from "../haproxy/mapping.ts";
import { HostError } from "../host/errors.ts";
import type { Step } from "../host/step.ts";
import {
  conflictOfAddresses,
  hostPart,
  parsePlaces,
  renderKeepalived,
  type VirtualAddress,
} from "../keepalived/configuration.ts";
import type { Call } from "../resource/kind.ts";
import { buildAddressJail } from "./address-jail.ts";
import type { FoundAddresses } from "./address-observe.ts";
import { ADDRESS_UNIT, renderAddressUnit, renderWatchUnit, WATCH_UNIT, WATCHER } from "./address-unit.ts";
import type { Edge, FoundFile } from "./observed.ts";

/** Of all mappings that are given. */
export function addressesOf(mappings: readonly Mapping[]): readonly VirtualAddress[] {
  return mappings.flatMap(({ virtualAddress }) => virtualAddress ?? []);
}

/** Throws before anything is changed when the device is not there, or the address is another mapping's elsewhere. */
export function refuseAddress(
  call: Call,
  mapping: Mapping,
  renamedFrom: string | undefined,
  edge: Edge,
  found: FoundAddresses,
): void {
  const mine = mapping.virtualAddress;
  if (!mine) return;
  const refuse = (reason: string) => {
    throw new HostError("foreign", call.host.label, `mapping "${mapping.name}" is refused: ${reason}`);
  };
  if (!found.interfaces.includes(mine.interface))
    refuse(`this edge has no interface ${mine.interface}; it has ${found.interfaces.join(", ")}`);
  for (const { name, fragment } of edge.fragments) {
    const other = fragment?.mapping.virtualAddress;
    if (!fragment || !other || name === mapping.name || name === renamedFrom) continue;
    const conflict = conflictOfAddresses(mine, other);
    if (conflict) refuse(`${conflict}, by mapping "${name}"; it belongs to ${fragment.owner.urn}`);
  }
  const ours = parsePlaces(found.configuration?.text ?? "").some(({ address }) => address === mine.address);
  const held = found.held.find((line) => hostPart(line) === hostPart(mine.address));
  if (held && !ours) refuse(`${hostPart(mine.address)} is this edge's own address (${held})`);
}

/** The steps that make keepalived hold what the mappings of the edge want; none when it does. */
export async function planAddresses(
  call: Call,
  id: string,
  mappings: readonly Mapping[],
  guard: string,
  found: FoundAddresses,
): Promise<readonly Step[]> {
  const wanted = addressesOf(mappings);
  if (wanted.length === 0) return isThere(found) ? [takeDown(guard)] : [];
  const isSound = found.jail?.findings === 0;
  if (isSound && driftOfAddresses(mappings, found).length === 0) return [];
  const jail = isSound && found.jail ? { digest: found.jail.digest, steps: [] } : await buildAddressJail(call, id);
  return [...jail.steps, up(wanted, guard, jail.digest, found)];
}

/** A sentence for each thing that is not as the mappings of the edge declare it. */
export function driftOfAddresses(mappings: readonly Mapping[], found: FoundAddresses): readonly string[] {
  const wanted = addressesOf(mappings);
  if (wanted.length === 0) return isThere(found) ? ["keepalived is there for no mapping"] : [];
  const file = (name: string, is: FoundFile | undefined, text: string) => {
    if (!is) return [`${name} is gone`];
    return is.text === text && is.mode === "644:root:root" ? [] : [`${name} changed`];
  };
  const digest = found.jail?.digest;
  return [
    ...(digest === undefined ? ["keepalived's jail is gone"] : []),
    ...(found.jail && found.jail.findings > 0 ? ["keepalived's jail is not as it was built"] : []),
    ...file("keepalived's configuration", found.configuration, renderKeepalived(wanted)),
    ...file("the proxy's watcher", found.watcher, WATCHER),
    ...file(WATCH_UNIT, found.watchFile, renderWatchUnit()),
    ...(digest === undefined ? [] : file(ADDRESS_UNIT, found.unitFile, renderAddressUnit(digest))),
    ...[ADDRESS_UNIT, WATCH_UNIT].flatMap((unit) => {
      const [active = "gone", enabled = "gone"] = (found.states.get(unit) ?? "").split(" ");
      const name = unit === ADDRESS_UNIT ? "keepalived" : "the proxy's watcher";
      return [
        ...(active === "active" ? [] : [`${name} is ${active === "inactive" ? "stopped" : active}`]),
        ...(enabled === "enabled" ? [] : [`${unit} is ${enabled === "-" ? "not enabled" : enabled}`]),
      ];
    }),
  ];
}

/** Whether any edge has the mapping's address: seen from this one. */
export function driftOfHolder(mine: VirtualAddress | undefined, found: FoundAddresses): readonly string[] {
  if (!mine || found.held.includes(`${mine.address} ${mine.interface}`) || found.isElsewhere !== false) return [];
  return [`virtual address ${mine.address} is on no edge`];
}

function isThere({ configuration, watcher, unitFile, watchFile, jail }: FoundAddresses): boolean {
  return [configuration, watcher, unitFile, watchFile, jail].some((part) => part !== undefined);
}

/** An address that goes stays until those that come are held (api: PortMapping). */
function up(wanted: readonly VirtualAddress[], guard: string, digest: string, found: FoundAddresses): Step {
  const before = parsePlaces(found.configuration?.text ?? "");
  const comes = wanted.some((one) => !before.some(({ address }) => address === one.address));
  const goes = before.filter(({ address }) => !wanted.some((one) => one.address === address));
  const parts = [
    comes && goes.length > 0 ? renderKeepalived(wanted, goes) : "",
    renderKeepalived(wanted),
    WATCHER,
    renderWatchUnit(),
    renderAddressUnit(digest),
  ];
  return {
    step: "address-up",
    args: [guard, ...parts.map((part) => String(Buffer.byteLength(part)))],
    content: parts.join(""),
    describe: `keepalived: ${[...new Set(wanted.map(({ address }) => address))].join(", ")}`,
  };
}

function takeDown(guard: string): Step {
  return { step: "address-take-down", args: [guard], describe: "taking keepalived down" };
}
