import * as pulumi from "@pulumi/pulumi";
import type { ConnectionArgs, Host } from "../connection/resource.ts";
import { JailResource } from "../dynamic/resource.ts";
import { jailedServiceShim } from "../dynamic/shim.ts";
import { type PortArgs, PortReservation } from "../port-reservation/resource.ts";
import type { Endpoint, HealthCheck } from "../ports/endpoint.ts";
import type { Exposure } from "./inputs.ts";

/** What a JailedService needs of a Jail; a `Jail` is one. */
export interface JailOfService {
  readonly host: Host | ConnectionArgs;
  readonly jailName: pulumi.Output<string>;
  readonly generation: pulumi.Output<string>;
}

/** How a generation runs. Unless said otherwise a change switches the service over, as `switchover` says. */
export interface JailedServiceArgs<Ports extends Readonly<Record<string, PortArgs>> = Record<string, PortArgs>> {
  /** The tree to run, on the same host. A jail of another host replaces the service. */
  jail: JailOfService;
  /** Units are `jailed-NAME@a.service` and `@b`; default: the resource's name, decided once. Replaces. */
  serviceName?: pulumi.Input<string>;
  /** Takes over a service of this name which another stack of ours made; default false. Never a diff. */
  adopt?: boolean;
  /** Its ports by key: the usual port inside, an allocated one on the host. Changes leave the process alone. */
  ports?: Ports;
  /** Program and arguments; default: the distribution unit's own. `${CREDENTIALS_DIRECTORY}` is where `credentials` are. */
  execStart?: pulumi.Input<pulumi.Input<string>[]>;
  /** Added to the unit's own. Readable by every user of the host: a secret is refused. */
  environment?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Files below $CREDENTIALS_DIRECTORY (systemd's LoadCredential=), readable by this service only; made secret. */
  credentials?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** Files by jail path, bound read-only over those of the jail; may be secret. `mode` default "0644". */
  configFiles?: pulumi.Input<
    Record<string, pulumi.Input<{ content: pulumi.Input<string>; mode?: pulumi.Input<string> }>>
  >;
  /**
   * Data that outlives the service, by key. A new one begins with what the jail's packages put there, owned by the service.
   * A change restarts it; a dropped volume stays on the host. Directories that it writes and that have no volume go with it.
   */
  volumes?: Readonly<Record<string, VolumeArgs>>;
  /** Endpoints of other jailed services: each is reached by its key as a host name, on its usual port. */
  connects?: Readonly<Record<string, pulumi.Input<Endpoint> | ConnectArgs>>;
  /** Default "private": a network namespace of its own. */
  network?: pulumi.Input<"private" | "host" | "none">;
  /** What it may open connections to, besides `connects`; default "none". Changes leave the process alone. */
  egress?: pulumi.Input<"none" | "any" | pulumi.Input<string>[]>;
  /** By systemd's names. All but `limitNOFILE` leave the process alone. */
  limits?: pulumi.Input<{
    memoryMax?: pulumi.Input<string>;
    cpuQuota?: pulumi.Input<string>;
    tasksMax?: pulumi.Input<number>;
    limitNOFILE?: pulumi.Input<number>;
  }>;
  /** systemd directives by their own names, allow-listed, over our defaults (systemd.exec(5)). */
  hardening?: pulumi.Input<Record<string, pulumi.Input<string>>>;
  /** When a start counts as done; default: a tcp connection to each tcp port. Changes leave the process alone. */
  healthCheck?: pulumi.Input<HealthCheck>;
  /**
   * "overlap": the new process is healthy beside the old one before it gets the ports; no connection is lost. "restart":
   * some seconds without service. Default: overlap with a tcp port, a private network and no writable volume.
   */
  switchover?: pulumi.Input<"overlap" | "restart">;
  /** Seconds that connections of the old process may take to end; default 30. */
  drainSeconds?: pulumi.Input<number>;
  /** Seconds that the new process has to stay healthy before the update is done; default 0. */
  settleSeconds?: pulumi.Input<number>;
  /**
   * What is asked from where Pulumi runs while a new process settles, which then has its ports already; default none. When
   * it fails too often the service goes back to the previous process. Not asked at a first start. The record only.
   */
  gate?: pulumi.Input<GateArgs>;
}

/** A question to what is behind an edge, as its clients ask it. */
export interface GateArgs {
  /** `http://` or `https://`; a status of 200 to 399 is good, no redirect is followed. It may be a secret: no message has it. */
  url: pulumi.Input<string>;
  /** How often it is asked over the seconds of settling; default 20. */
  samples?: pulumi.Input<number>;
  /** How many of these may fail; default 0. */
  maxFailures?: pulumi.Input<number>;
}

/** A directory for data. */
export interface VolumeArgs {
  /** Absolute path in the jail. */
  jailPath: pulumi.Input<string>;
  /** Directory below /var/lib/pulumi-jail/volumes; default `SERVICENAME.key`. */
  volumeName?: pulumi.Input<string>;
  /** Default false. */
  readOnly?: boolean;
  /** Default false: data outlives the service. */
  removeOnDelete?: boolean;
}

/** An endpoint with a port or path of one's own choice. */
export interface ConnectArgs {
  endpoint: pulumi.Input<Endpoint>;
  /** The port to find it on; default: the endpoint's usual one. */
  jailPort?: pulumi.Input<number>;
  /** For a unix socket: where its directory is bound. */
  jailPath?: pulumi.Input<string>;
}

/** What a fleet tells of its member; not for programs. */
interface FleetMember {
  /** `wave 2 of 3`, see Hidden. */
  readonly __wave?: string;
}

/** A generation of a jail, running: a hardened unit with a user, a network namespace and ports of its own. */
export class JailedService<
  const Ports extends Readonly<Record<string, PortArgs>> = Record<string, PortArgs>,
> extends JailResource {
  /** Where it is reached, by key of `ports`; stays known in previews while the service changes. */
  declare readonly endpoints: { readonly [Key in keyof Ports]: pulumi.Output<Endpoint> };
  declare readonly serviceName: pulumi.Output<string>;
  /** The instance that serves, `jailed-web@a.service`. */
  declare readonly unitName: pulumi.Output<string>;
  /** The generation that serves, also after a failed update. */
  declare readonly generation: pulumi.Output<string>;
  /** systemd-analyze security's score, and what of the hardening this host does not enforce. */
  declare readonly exposure: pulumi.Output<Exposure>;
  declare readonly uid: pulumi.Output<number>;
  /** The reservation that it made: `<name>-ports`. */
  readonly reservation: PortReservation;

  constructor(name: string, args: JailedServiceArgs<Ports> & FleetMember, options: pulumi.CustomResourceOptions = {}) {
    const { jail, ...own } = args;
    const { serviceName, adopt, ports } = own;
    const connection = jail.host;
    const reservation = new PortReservation(
      `${name}-ports`,
      { connection, serviceName, adopt, ports: ports ?? {} },
      reservationOptions(options),
    );
    const { jailName, generation } = jail;
    const environment = withoutSecrets(name, own.environment);
    const credentials = own.credentials === undefined ? undefined : pulumi.secret(own.credentials);
    const inputs = { ...own, connection, jailName, generation, environment, credentials };
    super(
      jailedServiceShim,
      "JailedService",
      name,
      { ...inputs, endpoints: reservation.endpoints },
      ["serviceName", "unitName", "exposure", "uid"],
      options,
    );
    this.reservation = reservation;
    this.endpoints = byKey(this.endpoints as unknown as pulumi.Output<Record<string, Endpoint>>, ports);
  }
}

/**
 * One output per port, of the service and not of the reservation: who uses an endpoint comes after the service at up,
 * and goes before it at destroy.
 */
function byKey<Ports extends Readonly<Record<string, PortArgs>>>(
  endpoints: pulumi.Output<Record<string, Endpoint>>,
  ports: Ports | undefined,
): { readonly [Key in keyof Ports]: pulumi.Output<Endpoint> } {
  const entries = Object.keys(ports ?? {}).map((key) => [key, endpoints.apply((all) => all[key])]);
  return Object.fromEntries(entries) as { readonly [Key in keyof Ports]: pulumi.Output<Endpoint> };
}

/** What of a service's options holds for its reservation too; aliases are mapped name by name. */
function reservationOptions(options: pulumi.CustomResourceOptions): pulumi.CustomResourceOptions {
  const { parent, protect, deletedWith, retainOnDelete, customTimeouts, aliases } = options;
  return {
    ...(parent !== undefined && { parent }),
    ...(protect !== undefined && { protect }),
    ...(deletedWith !== undefined && { deletedWith }),
    ...(retainOnDelete !== undefined && { retainOnDelete }),
    ...(customTimeouts !== undefined && { customTimeouts }),
    ...(aliases !== undefined && {
      aliases: pulumi.output(aliases).apply((all) => all.map(reservationAlias)) as never,
    }),
  };
}

function reservationAlias(alias: pulumi.Unwrap<pulumi.URN | pulumi.Alias>): unknown {
  if (typeof alias !== "string") return { ...alias, ...(alias.name !== undefined && { name: `${alias.name}-ports` }) };
  return alias.replace(/JailedService::([^:]+)$/, "PortReservation::$1-ports");
}

/** Environment= is readable over D-Bus by anybody on the host (systemd.exec(5)). */
function withoutSecrets(name: string, environment: JailedServiceArgs["environment"]): unknown {
  if (environment === undefined) return undefined;
  const given = pulumi.output(environment);
  return pulumi.output(pulumi.isSecret(given)).apply((secret) => {
    if (secret) throw new Error(`JailedService ${name}: environment holds a secret; give it as one of credentials`);
    return given;
  });
}
