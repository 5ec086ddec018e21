import type { Mapping } from "../haproxy/mapping.ts";
import type { BackendInputs, PortMappingInputs } from "./inputs.ts";
import { mappingTlsOf } from "./tls.ts";

/** The inputs, all of them known by now, in the proxy's words. */
export function mappingOf(inputs: PortMappingInputs): Mapping {
  const { type, path, expectStatus, interSeconds, rise, fall } = inputs.healthCheck;
  const { connectSeconds, clientSeconds, serverSeconds } = inputs.timeouts;
  return {
    name: inputs.mappingName,
    bindAddress: inputs.bindAddress,
    bindPort: inputs.bindPort,
    mode: inputs.mode === "http" ? "http" : "tcp",
    hostnames: inputs.hostnames,
    pathPrefix: inputs.pathPrefix,
    balance: inputs.balance,
    httpReuse: inputs.httpReuse,
    clientAddress: inputs.clientAddress,
    acceptProxyFrom: inputs.acceptProxyFrom,
    healthCheck: {
      type,
      ...(type === "http" ? { path: path ?? "/", expectStatus: expectStatus ?? "200-399" } : {}),
      interSeconds,
      rise,
      fall,
    },
    drainSeconds: inputs.drainSeconds,
    timeouts: { connectSeconds, clientSeconds, serverSeconds },
    servers: backendsOf(inputs).map(({ name, address, hostPort, weight, state, agent }) => ({
      name,
      address,
      port: hostPort,
      weight,
      state,
      ...(agent ? { agent } : {}),
    })),
    ...weightsOf(inputs),
    ...(inputs.tls ? { tls: mappingTlsOf(inputs.tls, inputs.hostnames) } : {}),
    ...(inputs.redirectToHttps ? { redirectToHttps: true } : {}),
    ...(inputs.affinity && inputs.affinity !== "none" ? { affinity: inputs.affinity } : {}),
    ...(inputs.limits && Object.keys(inputs.limits).length > 0 ? { limits: inputs.limits } : {}),
    ...(inputs.backendsFrom ? { backendsFrom: "etcd" } : {}),
    ...(inputs.backends === "statistics" ? { serves: "statistics" } : {}),
    ...(inputs.virtualAddress ? { virtualAddress: inputs.virtualAddress } : {}),
  };
}

function backendsOf({ backends }: PortMappingInputs): readonly BackendInputs[] {
  return backends === "statistics" ? [] : backends;
}

function weightsOf({ weights }: PortMappingInputs): Pick<Mapping, "weights"> {
  if (typeof weights === "object") return { weights: "snmp" };
  return weights === "load" ? { weights } : {};
}
