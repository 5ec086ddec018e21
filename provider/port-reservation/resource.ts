import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
import { type ConnectionArgs, connectionInputs, type Host } from "../connection/resource.ts";
import { JailResource } from "../dynamic/resource.ts";
import { portReservationShim } from "../dynamic/shim.ts";
import type { Endpoint } from "../ports/endpoint.ts";

/** One port of a service: a number is a tcp port of the jail; a unix socket takes no port of the host. */
export type PortArgs =
  | Input<number>
  | {
      /** The port that the program listens on inside of its jail. */
      jailPort: Input<number>;
      /** Default "tcp". */
      protocol?: Input<"tcp" | "udp">;
      /** A fixed port on the host, outside of the allocated range 20128-31999; default: allocated. */
      hostPort?: Input<number>;
      /** One of the host's own addresses; default the `Host`'s address. */
      bindAddress?: Input<string>;
    }
  | {
      /** Path of a unix socket in the jail. */
      socket: Input<string>;
    };

/** What to reserve, and where. */
export interface PortReservationArgs {
  /** The host. Another machine (host and hostKey) is a replacement; a credential changes nothing. */
  connection: Host | ConnectionArgs;
  /** Whose ports; default: the resource's name without `-ports`, decided once. Replaces. */
  serviceName?: Input<string>;
  /** Takes over a reservation that another stack of ours made; default false. Never a diff. */
  adopt?: boolean;
  /** The ports by key. A key keeps its host port as long as it exists; changes are updates. */
  ports: Readonly<Record<string, PortArgs>>;
}

/**
 * The host's ports of one service, in the host's registry: allocated once and kept, also over a replacement of the
 * service. JailedService makes one by itself; its endpoints stay known in previews while the service changes.
 */
export class PortReservation extends JailResource {
  /** By key of `ports`. */
  declare readonly endpoints: Output<Readonly<Record<string, Endpoint>>>;

  constructor(name: string, args: PortReservationArgs, options?: CustomResourceOptions) {
    const { address } = connectionInputs(args.connection);
    super(portReservationShim, "PortReservation", name, { ...args, address }, ["endpoints"], options);
  }
}
