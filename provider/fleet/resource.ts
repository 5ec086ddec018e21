import * as pulumi from "@pulumi/pulumi";
import type { Host } from "../connection/resource.ts";
import { Jail, type JailArgs } from "../jail/resource.ts";
import { type GateArgs, JailedService, type JailedServiceArgs } from "../jailed-service/resource.ts";
import type { PortArgs } from "../port-reservation/resource.ts";
import type { Endpoint } from "../ports/endpoint.ts";
import { fleetFailures } from "./check.ts";
import { memberOptions, refuse } from "./component.ts";
import { jailNameOn, memberName } from "./names.ts";
import { eligible, type Placement, place, type Seat } from "./placement.ts";
import { dependenciesOf, rolloutOrder, type Waves, wavesOf } from "./waves.ts";

/** How a change goes over the members. */
export interface Rollout extends Waves {
  /** Seconds for which each changed member has to stay healthy before the next wave begins; default 10. */
  readonly pauseSeconds?: number;
  /**
   * What is asked meanwhile, such as the site's own address, from where Pulumi runs: a member after whose switch it fails
   * too often goes back to its previous generation by itself, and the rollout ends there. Not asked at a first start.
   */
  readonly gate?: GateArgs;
}

type OwnJailArgs = Omit<JailArgs, "connection" | "jailName">;
type OwnServiceArgs<Ports extends Readonly<Record<string, PortArgs>>> = Omit<
  JailedServiceArgs<Ports>,
  "jail" | "serviceName" | "settleSeconds" | "gate"
>;

/** A Jail's and a JailedService's arguments, which each member gets, and where the members are. */
export interface JailedServiceFleetArgs<Ports extends Readonly<Record<string, PortArgs>> = Record<string, PortArgs>>
  extends OwnJailArgs,
    OwnServiceArgs<Ports> {
  /** Where members may be; plain values, as they make the members' names. The first one listed gets changes first. */
  readonly hosts: readonly Host[];
  /** How many members; default: one for each host. */
  readonly replicas?: number;
  /** Default: on all hosts alike, as far as their `slots` go. A change moves only the members that have to move. */
  readonly placement?: Placement;
  /** Default: one member first, then a quarter of all at a time, each healthy for 10 seconds. */
  readonly rollout?: Rollout;
  /** For the jails and the services; default false. Never a diff. */
  readonly adopt?: boolean;
}

/**
 * The same service on many hosts, behind one name: a Jail per host and a JailedService per member, `NAME-HOST-N`. A change
 * goes over them in waves, each after the one before is done: a failure leaves all later waves as they were.
 */
export class JailedServiceFleet<
  const Ports extends Readonly<Record<string, PortArgs>> = Record<string, PortArgs>,
> extends pulumi.ComponentResource {
  /** Of all members, by key of `ports`: what a PortMapping takes as `backends`. In the order of the members' names. */
  declare readonly endpoints: { readonly [Key in keyof Ports]: pulumi.Output<Endpoint>[] };
  /** The members, by name of their host. */
  declare readonly services: Readonly<Record<string, readonly JailedService<Ports>[]>>;
  /** The jail of each host, by its name. */
  declare readonly jails: Readonly<Record<string, Jail>>;
  /** Which generation serves, a line per member, by name of the host; equal everywhere after a whole rollout. */
  declare readonly generations: Readonly<Record<string, readonly pulumi.Output<string>[]>>;

  constructor(name: string, args: JailedServiceFleetArgs<Ports>, options: pulumi.ComponentResourceOptions = {}) {
    refuse("JailedServiceFleet", name, fleetFailures(name, args));
    super("pulumi-jail:index:JailedServiceFleet", name, {}, options);
    const { hosts, placement = {}, rollout = {} } = args;
    const { jailArgs, serviceArgs } = split(args);
    const replicas = args.replicas ?? eligible(hosts, placement).length;
    const seats = rolloutOrder(
      place(name, hosts, replicas, placement),
      hosts.map((host) => host.name),
    );
    const hostNames = [...new Set(seats.map(({ host }) => host))];
    const members = memberOptions(this, options);
    // No jail waits for another, nor for a service: building disturbs nobody.
    const jails = byName(hostNames, (host) => {
      const connection = hosts.find((one) => one.name === host) as Host;
      return new Jail(
        jailNameOn(name, host),
        { ...jailArgs, connection },
        { ...members, dependsOn: options.dependsOn },
      );
    });
    const settle = { settleSeconds: rollout.pauseSeconds ?? 10, gate: rollout.gate };
    const waves = wavesOf(seats, rollout);
    const waits = dependenciesOf(waves);
    const made = new Map<Seat, JailedService<Ports>>();
    for (const [index, wave] of waves.entries()) {
      const __wave = waves.length > 1 ? `wave ${index + 1} of ${waves.length}` : undefined;
      for (const seat of wave) {
        const own = { ...serviceArgs, ...settle, jail: jails[seat.host] as Jail, __wave };
        const dependsOn = (waits.get(seat) ?? []).flatMap((other) => made.get(other) ?? []);
        made.set(seat, new JailedService<Ports>(memberName(name, seat), own, { ...members, dependsOn }));
      }
    }
    const placed = [...made].map(([seat, service]) => ({ seat, service }));
    const ordered = placed.toSorted((a, b) => compare(a.seat, b.seat));
    const on = (host: string) => ordered.filter(({ seat }) => seat.host === host).map(({ service }) => service);
    const keys = Object.keys(args.ports ?? {});
    const outputs = {
      jails,
      services: byName(hostNames, on),
      endpoints: byName(keys, (key) => ordered.map(({ service }) => service.endpoints[key as keyof Ports])),
      generations: byName(hostNames, (host) => on(host).map(({ generation }) => generation)),
    };
    Object.assign(this, outputs);
    this.registerOutputs({ endpoints: outputs.endpoints, generations: outputs.generations });
  }
}

/** Every field of a Jail by name, so that what is not one of them goes to the service, also when either gets new ones. */
const jailFields: Readonly<Record<keyof Required<OwnJailArgs>, true>> = {
  adopt: true,
  packages: true,
  unit: true,
  programs: true,
  source: true,
  content: true,
  include: true,
  exclude: true,
  files: true,
  prepare: true,
  discovery: true,
  users: true,
  manifestFile: true,
  pinnedGeneration: true,
  keepGenerations: true,
};

function split<Ports extends Readonly<Record<string, PortArgs>>>(
  args: JailedServiceFleetArgs<Ports>,
): { readonly jailArgs: OwnJailArgs; readonly serviceArgs: OwnServiceArgs<Ports> } {
  const { hosts: _h, replicas: _r, placement: _p, rollout: _o, ...members } = args;
  const entries = Object.entries(members);
  const isJails = ([field]: readonly [string, unknown]) => field in jailFields;
  return {
    jailArgs: Object.fromEntries(entries.filter(isJails)) as OwnJailArgs,
    serviceArgs: Object.fromEntries(
      entries.filter((entry) => !isJails(entry) || entry[0] === "adopt"),
    ) as OwnServiceArgs<Ports>,
  };
}

function byName<Value>(names: readonly string[], make: (name: string) => Value): Record<string, Value> {
  return Object.fromEntries(names.map((name) => [name, make(name)]));
}

/** By name, so that another order of hosts changes nothing of what the edge is told. */
function compare(a: Seat, b: Seat): number {
  return a.host === b.host ? a.number - b.number : a.host < b.host ? -1 : 1;
}
