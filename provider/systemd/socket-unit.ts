import type { LaunchSocket, SocketListen } from "../manifest/launch.ts";
import { plainPath, plainValue } from "./escape.ts";
import { type HardeningFor, hardening } from "./hardening.ts";
import type { Bind } from "./jailed-unit.ts";
import { type Directive, renderUnit } from "./unit.ts";

/** One of the socket units beside the unit of a slot: systemd opens its sockets and hands them to the service. */
export interface SocketUnit extends HardeningFor {
  readonly serviceUnit: string;
  readonly mark: string;
  readonly socket: LaunchSocket;
  /** Where the sockets of the file system lie on the host, by their path in the jail. */
  readonly places: Readonly<Record<string, string>>;
  readonly namespacePath: string | undefined;
  readonly networkUnit: string | undefined;
  readonly allowedAddresses: readonly string[];
}

/**
 * The packaged sockets in the jail's network: with NetworkNamespacePath= systemd opens those of the file system there as
 * well, so that nothing of the host's network reaches the jail by a descriptor. A filter of addresses goes with the
 * socket's own control group, not with the service's, so it is set here too (systemd.resource-control(5)).
 */
export function renderSocketUnit(unit: SocketUnit): string {
  const { socket, serviceUnit, networkUnit } = unit;
  const filters = hardening(unit, unit.allowedAddresses).filter(([name]) => name.startsWith("IPAddress"));
  return renderUnit(unit.mark, [
    {
      name: "Unit",
      directives: [
        ["Description", plainValue(`Sockets of ${serviceUnit}, as ${socket.unit} has them`)],
        ["Requires", networkUnit],
        ["After", networkUnit],
        // A service that is stopped on purpose must not be started again by the next client.
        ["PartOf", serviceUnit],
      ],
    },
    {
      name: "Socket",
      directives: [
        ["Service", serviceUnit],
        ["Slice", "system.slice"],
        ["FileDescriptorName", plainValue(socket.fileDescriptorName)],
        ...socket.listens.map((listen): Directive => [directives[listen.type], addressOf(listen, unit.places)]),
        ...Object.entries(socket.options).map(([name, value]): Directive => [name, plainValue(value)]),
        // Who can come to it at all is decided by the directories that lead there, which only root can enter.
        ["SocketMode", "0666"],
        ["PrivateNetwork", unit.network === "host" ? undefined : "yes"],
        ["NetworkNamespacePath", unit.namespacePath],
        ...filters,
      ],
    },
  ]);
}

/** Paths of the jail at which systemd opens a socket for it. */
export function socketPaths(socket: LaunchSocket): readonly string[] {
  return socket.listens.flatMap(({ address }) => (address.startsWith("/") ? [address] : []));
}

/**
 * Shows the sockets at their own paths in the jail, for what runs beside the daemon. Read-only is enough to connect. Other
 * places than /run are part of the immutable tree.
 */
export function socketBinds(places: Readonly<Record<string, string>>): readonly Bind[] {
  return Object.entries(places)
    .filter(([jailPath]) => jailPath.startsWith("/run/"))
    .map(([jailPath, hostPath]) => ({ hostPath, jailPath, readOnly: true }));
}

const directives: Readonly<Record<SocketListen["type"], string>> = {
  stream: "ListenStream",
  datagram: "ListenDatagram",
  "sequential-packet": "ListenSequentialPacket",
};

function addressOf({ address }: SocketListen, places: Readonly<Record<string, string>>): string {
  return address.startsWith("/") ? plainPath(places[address] ?? address) : plainValue(address);
}
