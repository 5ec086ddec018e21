import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { TestHost } from "../../dev/hosts/index.ts";
import { hostFor } from "../../provider/host/pool.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { connectionTo, shell } from "./ssh-site.ts";

export type State = PortMappingInputs & PortMappingOutputs;

/** Mappings on one host, by the lifecycle itself: what a stack does without the time that an engine takes. */
export interface EdgeSite {
  up(given: object, old?: State): Promise<State>;
  read(of: State): Promise<PortMappingOutputs | undefined>;
  remove(of: State): Promise<void>;
  /** Of the process that serves. */
  workerPid(): Promise<string>;
  readonly warnings: string[];
}

export function edgeSite(edge: TestHost): EdgeSite {
  const warnings: string[] = [];
  const callOf = (claim: string, who: string): Call => ({
    host: hostFor(connectionTo(edge)),
    progress: () => {},
    warn: (text) => warnings.push(text),
    owner: { organization: "organization", project: "p", stack: "dev", urn: `urn:pulumi:dev::p::t::${who}`, claim },
    deadlineSeconds: 600,
    hostFor,
  });
  const inputsOf = (given: object): PortMappingInputs => {
    const { inputs, failures } = portMappingKind.check(undefined, {
      connection: connectionTo(edge),
      __jail: { schema: 1, name: "site", host: "edge", urn: "", organization: "", timeouts: {}, replaceOnChanges: [] },
      ...given,
    });
    expect(failures).toEqual([]);
    return inputs;
  };
  return {
    warnings,
    up: async (given, old) => {
      const inputs = inputsOf(given);
      const call = callOf(old?.claim ?? randomUUID(), inputs.mappingName);
      return { ...inputs, ...(await portMappingKind.converge(call, inputs, old)) };
    },
    read: (of) => portMappingKind.read(callOf(of.claim, of.mappingName), of),
    remove: (of) => portMappingKind.remove(callOf(of.claim, of.mappingName), of),
    workerPid: async () =>
      (await shell(edge, "pgrep -n -P $(systemctl show -p MainPID --value pulumi-jail-edge.service) haproxy")).trim(),
  };
}
