import { otherSlot, type Slot, type SlotNetwork } from "../ports/network.ts";
import { allowedAddresses } from "../systemd/address-filter.ts";
import type { Bind, JailedUnit } from "../systemd/jailed-unit.ts";
import { socketBinds as passedBinds } from "../systemd/socket-unit.ts";
import { dataDirectories, excludesOther, optionalFiles, parentOf } from "./data-directories.ts";
import type { FileText, Surroundings } from "./desired.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES, sorted, treeOf, unitName } from "./names.ts";
import { socketPlaces, socketUnitNames } from "./slot-sockets.ts";

/** All that the unit of a slot is rendered from. */
export function jailedUnit(
  inputs: JailedServiceInputs,
  around: Surroundings,
  slot: Slot,
  network: SlotNetwork,
  files: readonly FileText[],
  mark: string,
): JailedUnit {
  const { serviceName, limits = {} } = inputs;
  const base = `${SERVICES}/${serviceName}/${slot}`;
  const isPrivate = inputs.network === "private";
  const { launch } = around;
  return {
    serviceName,
    slot,
    mark,
    rootDirectory: treeOf(inputs),
    user: around.user,
    uid: around.uid,
    gid: around.gid,
    launch,
    execStart: inputs.execStart,
    environment: inputs.environment ?? {},
    credentials: Object.fromEntries(sorted(inputs.credentials).map(([name]) => [name, `${base}/credentials/${name}`])),
    binds: [
      ...fixedBinds(around, base, files),
      ...configBinds(inputs, base),
      ...dataBinds(inputs, around),
      ...socketBinds(inputs),
      ...passedBinds(socketPlaces(inputs, slot, launch.sockets)),
    ],
    namespacePath: isPrivate ? `/run/netns/${network.namespace}` : undefined,
    networkUnit: isPrivate ? unitName(serviceName, slot).replace(".service", "-net.service") : undefined,
    excludes: excludesOther(inputs, around) ? unitName(serviceName, otherSlot(slot)) : undefined,
    allowedAddresses: inputs.network === "none" ? [] : allowedAddresses(isPrivate ? network.hostAddress : undefined),
    limitNOFILE: limits.limitNOFILE ?? launch.limitNOFILE,
    startSeconds: inputs.healthCheck?.deadlineSeconds ?? 60,
    limits: { memoryMax: limits.memoryMax, cpuQuota: limits.cpuQuota, tasksMax: limits.tasksMax },
    network: inputs.network,
    writeExecuteMemory: launch.writeExecuteMemory,
    loosened: launch.loosened ?? [],
    overrides: hardeningOf(inputs),
    sockets: socketUnitNames(serviceName, slot, launch.sockets),
  };
}

function fixedBinds(around: Surroundings, base: string, files: readonly FileText[]): readonly Bind[] {
  return optionalFiles
    .map((jailPath) => ({ hostPath: base + jailPath.slice("/etc".length), jailPath, readOnly: true }))
    .filter(
      ({ hostPath, jailPath }) => around.mountPoints.has(jailPath) && files.some(({ path }) => path === hostPath),
    );
}

function configBinds(inputs: JailedServiceInputs, base: string): readonly Bind[] {
  return sorted(inputs.configFiles).map(([jailPath], index) => ({
    hostPath: `${base}/config/${index}`,
    jailPath,
    readOnly: true,
  }));
}

function dataBinds(inputs: JailedServiceInputs, around: Surroundings): readonly Bind[] {
  return dataDirectories(inputs, around).map(({ hostPath, jailPath, readOnly }) => ({ hostPath, jailPath, readOnly }));
}

/** A socket of another service of this host: its directory is bound, which survives that one's restarts. */
function socketBinds(inputs: JailedServiceInputs): readonly Bind[] {
  return sorted(inputs.connects).flatMap(([, { endpoint, jailPath }]) =>
    endpoint.socketPath && jailPath
      ? [{ hostPath: parentOf(endpoint.socketPath), jailPath: parentOf(jailPath), readOnly: true }]
      : [],
  );
}

/**
 * The overrides in force. In the host's network a port below 1024 needs a capability, which counts outside of a user
 * namespace only.
 */
export function hardeningOf(
  inputs: Pick<JailedServiceInputs, "hardening" | "network" | "ports">,
): Readonly<Record<string, string>> {
  const isLow = Object.values(inputs.ports).some(({ jailPort }) => jailPort !== undefined && jailPort < 1024);
  const bind = "CAP_NET_BIND_SERVICE";
  const needed: Readonly<Record<string, string>> =
    inputs.network === "host" && isLow
      ? { CapabilityBoundingSet: bind, AmbientCapabilities: bind, PrivateUsers: "no" }
      : {};
  return { ...needed, ...inputs.hardening };
}
