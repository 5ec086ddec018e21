import { bootHosts, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import type { Host } from "../../provider/host/host.ts";
import { closeHosts, hostFor } from "../../provider/host/pool.ts";
import type { JailInputs } from "../../provider/jail/inputs.ts";
import { jailKind } from "../../provider/jail/lifecycle.ts";
import type { JailedServiceInputs, JailedServiceOutputs } from "../../provider/jailed-service/inputs.ts";
import { jailedServiceKind } from "../../provider/jailed-service/lifecycle.ts";
import type { PortReservationInputs, PortReservationOutputs } from "../../provider/port-reservation/inputs.ts";
import { portReservationKind } from "../../provider/port-reservation/lifecycle.ts";
import type { CommonOutputs } from "../../provider/resource/hidden.ts";
import { type Call, type CommonInputs, type ResourceKind, Unfinished } from "../../provider/resource/kind.ts";
import { connectionTo, shell } from "./ssh-site.ts";

export type ServiceState = JailedServiceInputs & JailedServiceOutputs;

/** A host with a jail of Apache, and what the engine would do with the kinds of resources. */
export interface ServiceSite {
  readonly web: TestHost;
  /** Where requests from outside come from. */
  readonly client: TestHost;
  /** A generation of Apache with this page and these further files. */
  build(page: string, files?: Readonly<Record<string, { readonly content: string }>>): Promise<string>;
  reserve(
    serviceName: string,
    ports: Readonly<Record<string, unknown>>,
  ): Promise<PortReservationInputs & PortReservationOutputs>;
  /** Creates (no state) or updates; what a failure leaves in the state is returned with its reasons. */
  converge(given: Readonly<Record<string, unknown>>, state?: ServiceState): Promise<Converged>;
  read(state: ServiceState): Promise<JailedServiceOutputs | undefined>;
  remove(state: ServiceState): Promise<void>;
  release(state: PortReservationInputs & PortReservationOutputs): Promise<void>;
  /** Runs a line of shell on the web host, not through our SSH. */
  shell(line: string): Promise<string>;
  close(): Promise<void>;
}

export interface Converged {
  readonly state: ServiceState;
  readonly reasons: readonly string[];
  /** What was done, as the user's status line told it. */
  readonly told: readonly string[];
  readonly roundTrips: number;
}

export async function openServiceSite(run: string): Promise<ServiceSite> {
  const hosts: TestHosts = await bootHosts({ run: `${run}-${process.pid}`, hosts: ["web1", "client1"] });
  const web = hosts.host("web1");
  const connection = connectionTo(web);
  let jail: (JailInputs & CommonOutputs) | undefined;
  const check = <Inputs extends CommonInputs, Outputs extends CommonOutputs>(
    kind: ResourceKind<Inputs, Outputs>,
    name: string,
    given: object,
    olds?: Inputs,
  ): Inputs => {
    const { inputs, failures } = kind.check(olds, { ...given, connection, __jail: hidden(name) });
    if (failures.length > 0) throw new Error(JSON.stringify(failures));
    return inputs;
  };
  return {
    web,
    client: hosts.host("client1"),
    build: async (page, files = {}) => {
      const content = { "/var/www/html/index.html": { content: `${page}\n` }, ...files };
      const inputs = check(
        jailKind,
        "apache",
        { packages: ["apache2"], unit: "apache2.service", files: content },
        jail,
      );
      const outputs = await jailKind.converge(callFor("apache", connection), inputs, jail as never);
      jail = { ...inputs, ...outputs };
      return outputs.generation;
    },
    reserve: async (serviceName, ports) => {
      const inputs = check(portReservationKind, `${serviceName}-ports`, { ports, address: web.address });
      return {
        ...inputs,
        ...(await portReservationKind.converge(callFor(`${serviceName}-ports`, connection), inputs, undefined)),
      };
    },
    converge: async (given, state) => {
      const told: string[] = [];
      const counted = { roundTrips: 0 };
      const name = String(given["serviceName"] ?? "web");
      const inputs = check(jailedServiceKind, name, { jailName: "apache", ...given }, state);
      const call = callFor(name, connection, (text) => told.push(text), counted);
      try {
        const outputs = await jailedServiceKind.converge(call, inputs, state);
        return { state: { ...inputs, ...outputs }, reasons: [], told, ...counted };
      } catch (error) {
        if (!(error instanceof Unfinished)) throw error;
        return { state: { ...inputs, ...error.outputs }, reasons: error.reasons, told, ...counted };
      }
    },
    read: (state) => jailedServiceKind.read(callFor(state.serviceName, connection), state),
    remove: (state) => jailedServiceKind.remove(callFor(state.serviceName, connection), state),
    release: (state) => portReservationKind.remove(callFor(`${state.serviceName}-ports`, connection), state),
    shell: (line) => shell(web, line),
    close: async () => {
      closeHosts();
      await hosts.destroy();
    },
  };
}

function hidden(name: string) {
  const urn = `urn:pulumi:dev::test::pulumi-nodejs:dynamic/jail:Any::${name}`;
  return {
    schema: 1,
    name,
    host: "web1",
    urn,
    organization: "organization",
    timeouts: {},
    replaceOnChanges: [],
  } as const;
}

function callFor(
  name: string,
  connection: ReturnType<typeof connectionTo>,
  progress: (text: string) => void = () => {},
  counted = { roundTrips: 0 },
): Call {
  const inner = hostFor(connection);
  const host: Host = {
    label: inner.label,
    ask: (questions) => {
      counted.roundTrips += 1;
      return inner.ask(questions);
    },
    apply: (plan, told) => {
      counted.roundTrips += plan.steps.length > 0 ? 1 : 0;
      return inner.apply(plan, told);
    },
  };
  const owner = {
    organization: "organization",
    project: "test",
    stack: "dev",
    urn: hidden(name).urn,
    claim: `claim-${name}`,
  };
  return { host, progress, owner, deadlineSeconds: 120, hostFor };
}
