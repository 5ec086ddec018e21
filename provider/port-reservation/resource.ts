import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
import { type ConnectionArgs, connectionInputs, type Host } from "../connection/resource.ts";
import { JailResource } from "../dynamic/resource.ts";
import { portReservationShim } from "../dynamic/shim.ts";
import type { Endpoint, PortArgs } from "../ports/endpoint.ts";

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
