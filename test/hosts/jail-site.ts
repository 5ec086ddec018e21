import { bootHosts, type TestHost } from "../../dev/hosts/index.ts";
import type { Host } from "../../provider/host/host.ts";
import type { Plan } from "../../provider/host/step.ts";
import type { JailInputs, JailOutputs } from "../../provider/jail/inputs.ts";
import { jailKind } from "../../provider/jail/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { connectionTo, openHost, shell } from "./ssh-site.ts";

export type JailState = JailInputs & JailOutputs;

/** A host, and what the engine would do with jails on it. */
export interface JailSite {
  readonly web: TestHost;
  /** The plans that had a step, in their order. */
  readonly plans: readonly Plan[];
  readonly warnings: readonly string[];
  /** How many questions went to the host. */
  asks(): number;
  call(name: string): Call;
  inputs(name: string, args: object): JailInputs;
  /** Creates (no state) or updates. */
  up(name: string, args: object, state?: JailState): Promise<JailState>;
  driftOf(name: string, state: JailState): Promise<readonly string[]>;
  remove(name: string, state: JailState): Promise<void>;
  /** Runs a line of shell on the host, not through our SSH. */
  shell(line: string): Promise<string>;
  close(): Promise<void>;
}

export async function openJailSite(run: string): Promise<JailSite> {
  const hosts = await bootHosts({ run: `${run}-${process.pid}`, hosts: ["web"] });
  const web = hosts.host("web");
  const opened = openHost(connectionTo(web));
  const plans: Plan[] = [];
  const warnings: string[] = [];
  let asks = 0;
  const host: Host = {
    label: opened.host.label,
    ask: (questions) => {
      asks++;
      return opened.host.ask(questions);
    },
    apply: (plan, progress) => {
      if (plan.steps.length > 0) plans.push(plan);
      return opened.host.apply(plan, progress);
    },
  };
  const call = (name: string): Call => {
    const urn = `urn:pulumi:dev::site::pulumi-nodejs:dynamic/jail:Jail::${name}`;
    const owner = { organization: "organization", project: "site", stack: "dev", urn, claim: `claim-${name}` };
    const warn = (text: string) => warnings.push(text);
    return { host, progress: () => {}, warn, owner, deadlineSeconds: 600, hostFor: () => host };
  };
  const inputs = (name: string, args: object): JailInputs => {
    const hidden = { schema: 1, name, host: "web", organization: "organization", timeouts: {}, replaceOnChanges: [] };
    const connection = connectionTo(web);
    const given = { connection, __jail: { ...hidden, urn: call(name).owner.urn }, ...args };
    const { inputs: checked, failures } = jailKind.check(undefined, given);
    if (failures.length > 0) throw new Error(JSON.stringify(failures));
    return checked;
  };
  return {
    web,
    plans,
    warnings,
    asks: () => asks,
    call,
    inputs,
    up: async (name, args, state) => {
      const wanted = inputs(name, args);
      return { ...wanted, ...(await jailKind.converge(call(name), wanted, state)) };
    },
    driftOf: async (name, state) => (await jailKind.read(call(name), state))!.drift,
    remove: (name, state) => jailKind.remove(call(name), state),
    shell: (line) => shell(web, line),
    close: async () => {
      opened.close();
      await hosts.destroy();
    },
  };
}
