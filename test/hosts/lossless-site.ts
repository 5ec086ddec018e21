import { bootHosts, type TestHost } from "../../dev/hosts/index.ts";
import { closeHosts, hostFor } from "../../provider/host/pool.ts";
import type { JailInputs } from "../../provider/jail/inputs.ts";
import { jailKind } from "../../provider/jail/lifecycle.ts";
import { jailedServiceKind } from "../../provider/jailed-service/lifecycle.ts";
import type { PortReservationInputs, PortReservationOutputs } from "../../provider/port-reservation/inputs.ts";
import { portReservationKind } from "../../provider/port-reservation/lifecycle.ts";
import type { CommonOutputs } from "../../provider/resource/hidden.ts";
import type { Call, CommonInputs, ResourceKind } from "../../provider/resource/kind.ts";
import { type AuditedResponder, endAudited, startAudited } from "../support/audited-responder.ts";
import { type EdgeSite, edgeSite } from "./edge-site.ts";
import type { ServiceState } from "./service-site.ts";
import { connectionTo, shell } from "./ssh-site.ts";

/** A jail on its host, in two generations that differ by their page. */
interface Jail {
  readonly host: TestHost;
  readonly name: string;
  readonly generations: readonly [string, string];
}

/** A jailed service behind the edge. */
export interface Replica {
  readonly jail: Jail;
  readonly reservation: PortReservationInputs & PortReservationOutputs;
  state: ServiceState;
}

/** Two web hosts with a jail each, of different daemons, and an edge; driven by the kinds themselves, without an engine. */
export interface LosslessSite {
  readonly webs: readonly TestHost[];
  readonly edgeHost: TestHost;
  readonly edge: EdgeSite;
  /** One more service on each web host, both at once. */
  startReplicas(): Promise<readonly Replica[]>;
  endReplicas(replicas: readonly Replica[]): Promise<void>;
  /** To the jail's other generation, by overlap. */
  switchGeneration(replica: Replica): Promise<void>;
  /** One responder for POSTs and websockets on each web host. */
  startEvents(): Promise<readonly AuditedResponder[]>;
  endEvents(events: readonly AuditedResponder[]): Promise<void>;
  close(): Promise<void>;
}

/** What is packaged, and the file that both generations differ in. */
const DAEMONS = [
  { name: "apache", packages: ["apache2"], unit: "apache2.service", page: "/var/www/html/index.html" },
  { name: "nginx", packages: ["nginx-light"], unit: "nginx.service", page: "/var/www/html/index.nginx-debian.html" },
] as const;

export async function openLosslessSite(): Promise<LosslessSite> {
  const hosts = await bootHosts({ run: `lossless-${process.pid}`, hosts: ["web1", "web2", "edge"] });
  const webs = [hosts.host("web1"), hosts.host("web2")];
  const jails = await Promise.all(webs.map((host, index) => buildJail(host, DAEMONS[index]!)));
  let drawn = 0;
  return {
    webs,
    edgeHost: hosts.host("edge"),
    edge: edgeSite(hosts.host("edge")),
    startReplicas: () => {
      drawn += 1;
      return Promise.all(jails.map((jail) => startReplica(jail, `web-${drawn}`)));
    },
    endReplicas: async (replicas) => {
      await Promise.all(jails.map((jail) => endInTurn(replicas.filter((one) => one.jail === jail))));
    },
    switchGeneration,
    startEvents: () => {
      drawn += 1;
      return Promise.all(
        webs.map((host) => startAudited(host, `${host.name}-events-${drawn}`, 15_000 + (drawn % 5000))),
      );
    },
    endEvents: async (events) => {
      for (const one of events) await endAudited(one);
    },
    close: async () => {
      closeHosts();
      await hosts.destroy();
    },
  };
}

async function buildJail(host: TestHost, { name, packages, unit, page }: (typeof DAEMONS)[number]): Promise<Jail> {
  let state: (JailInputs & CommonOutputs) | undefined;
  const generations: string[] = [];
  for (const text of ["one", "two"]) {
    const files = { [page]: { content: `${text}\n` } };
    const inputs: JailInputs = checked(jailKind, host, name, { packages, unit, files }, state);
    const outputs = await jailKind.converge(callFor(host, name), inputs, state as never);
    state = { ...inputs, ...outputs };
    generations.push(outputs.generation);
  }
  return { host, name, generations: [generations[0]!, generations[1]!] };
}

async function startReplica(jail: Jail, serviceName: string): Promise<Replica> {
  const { host } = jail;
  const ports = { http: 80 };
  const own = `${serviceName}-ports`;
  const wanted = checked(portReservationKind, host, own, { ports, address: host.address });
  const reservation = { ...wanted, ...(await portReservationKind.converge(callFor(host, own), wanted, undefined)) };
  const given = { jailName: jail.name, serviceName, ports, endpoints: reservation.endpoints };
  const inputs = checked(jailedServiceKind, host, serviceName, { ...given, generation: jail.generations[0] });
  const outputs = await jailedServiceKind.converge(callFor(host, serviceName), inputs, undefined);
  return { jail, reservation, state: { ...inputs, ...outputs } };
}

async function switchGeneration(replica: Replica): Promise<void> {
  const { jail, state } = replica;
  const generation = jail.generations.find((one) => one !== state.generation);
  const inputs = checked(jailedServiceKind, jail.host, state.serviceName, { ...state, generation }, state);
  const outputs = await jailedServiceKind.converge(callFor(jail.host, state.serviceName), inputs, state);
  if (outputs.generation !== generation)
    throw new Error(`${state.serviceName} does not serve generation ${generation}`);
  replica.state = { ...inputs, ...outputs };
}

async function endInTurn(replicas: readonly Replica[]): Promise<void> {
  for (const { jail, state, reservation } of replicas) {
    await jailedServiceKind.remove(callFor(jail.host, state.serviceName), state);
    await portReservationKind.remove(callFor(jail.host, `${state.serviceName}-ports`), reservation);
  }
}

/** Kills every process of a service; systemd starts it again. */
export async function killReplica({ jail, state }: Replica): Promise<void> {
  await shell(jail.host, `systemctl kill -s KILL '${state.unitName}'`);
}

/** The endpoint as a mapping takes it. */
export function endpointOf({ reservation }: Replica) {
  return reservation.endpoints["http"]!;
}

function checked<Inputs extends CommonInputs, Outputs extends CommonOutputs>(
  kind: ResourceKind<Inputs, Outputs>,
  host: TestHost,
  name: string,
  given: object,
  olds?: Inputs,
): Inputs {
  const hidden = { schema: 1, name, host: host.name, urn: urnOf(host, name), organization: "organization" };
  const __jail = { ...hidden, timeouts: {}, replaceOnChanges: [] };
  const { inputs, failures } = kind.check(olds, { ...given, connection: connectionTo(host), __jail });
  if (failures.length > 0) throw new Error(JSON.stringify(failures));
  return inputs;
}

function callFor(host: TestHost, name: string): Call {
  const names = { organization: "organization", project: "test", stack: "dev" };
  return {
    host: hostFor(connectionTo(host)),
    progress: () => {},
    owner: { ...names, urn: urnOf(host, name), claim: `claim-${name}` },
    deadlineSeconds: 120,
    hostFor,
  };
}

function urnOf(host: TestHost, name: string): string {
  return `urn:pulumi:dev::test::pulumi-nodejs:dynamic/jail:Any::${host.name}-${name}`;
}
