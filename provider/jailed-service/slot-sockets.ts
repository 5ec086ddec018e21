import type { LaunchSocket } from "../manifest/launch.ts";
import type { Slot, SlotNetwork } from "../ports/network.ts";
import { allowedAddresses } from "../systemd/address-filter.ts";
import { renderSocketUnit, socketPaths } from "../systemd/socket-unit.ts";
import type { FileText, Surroundings } from "./desired.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES, sorted, unitName } from "./names.ts";

/** Names of the socket units of a slot, in the order of the packaged ones. */
export function socketUnitNames(serviceName: string, slot: Slot, sockets: readonly LaunchSocket[] = []) {
  return sockets.map((_, index) => unitName(serviceName, slot).replace(".service", `-${index + 1}.socket`));
}

/** The socket units of a slot, whole. */
export function socketUnits(
  inputs: JailedServiceInputs,
  around: Pick<Surroundings, "launch">,
  slot: Slot,
  network: SlotNetwork,
  mark: string,
  overrides: Readonly<Record<string, string>>,
): readonly FileText[] {
  const { serviceName } = inputs;
  const { sockets = [], writeExecuteMemory } = around.launch;
  const isPrivate = inputs.network === "private";
  const names = socketUnitNames(serviceName, slot, sockets);
  const contents = sockets.map((socket) =>
    renderSocketUnit({
      serviceUnit: unitName(serviceName, slot),
      mark,
      socket,
      places: socketPlaces(inputs, slot, sockets),
      namespacePath: isPrivate ? `/run/netns/${network.namespace}` : undefined,
      networkUnit: isPrivate ? unitName(serviceName, slot).replace(".service", "-net.service") : undefined,
      allowedAddresses: inputs.network === "none" ? [] : allowedAddresses(isPrivate ? network.hostAddress : undefined),
      network: inputs.network,
      writeExecuteMemory,
      overrides,
    }),
  );
  return names.map((name, index) => ({
    path: `/etc/systemd/system/${name}`,
    mode: "0644",
    content: contents[index] ?? "",
  }));
}

/**
 * Where the sockets of the file system lie on the host. One that is a port of the service is in the directory that other
 * services bind, the same for both slots; the others go with their slot. No jailed uid can write there: PID 1 opens them.
 */
export function socketPlaces(
  { serviceName, ports }: Pick<JailedServiceInputs, "serviceName" | "ports">,
  slot: Slot,
  sockets: readonly LaunchSocket[] = [],
): Readonly<Record<string, string>> {
  const paths = sockets.flatMap(socketPaths);
  const keys = new Map(sorted(ports).flatMap(([key, { socket }]) => (socket ? [[socket, key] as const] : [])));
  const base = `${SERVICES}/${serviceName}`;
  return Object.fromEntries(
    paths.map((path, index) => {
      const key = keys.get(path);
      const name = path.slice(path.lastIndexOf("/") + 1);
      return [
        path,
        key === undefined ? `${base}/${slot}/sockets/${index + 1}` : `${base}/scratch/socket-${key}/${name}`,
      ];
    }),
  );
}

/** Whether both slots' socket units listen at one path, which is the last one's to start. */
export function hasSharedSocket(
  { ports }: Pick<JailedServiceInputs, "ports">,
  { launch }: { readonly launch: Surroundings["launch"] | undefined },
): boolean {
  const paths = new Set((launch?.sockets ?? []).flatMap(socketPaths));
  return Object.values(ports).some(({ socket }) => socket !== undefined && paths.has(socket));
}
