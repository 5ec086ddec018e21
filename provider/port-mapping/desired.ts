import type { Mapping } from "../haproxy/mapping.ts";
import type { PortMappingInputs } from "./inputs.ts";

/** The inputs, all of them known by now, in the proxy's words. */
export function mappingOf(inputs: PortMappingInputs): Mapping {
  const { type, path, expectStatus, interSeconds, rise, fall } = inputs.healthCheck;
  const { connectSeconds, clientSeconds, serverSeconds } = inputs.timeouts;
  return {
    name: inputs.mappingName,
    bindAddress: inputs.bindAddress,
    bindPort: inputs.bindPort,
    mode: inputs.mode,
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
    servers: inputs.backends.map(({ name, address, hostPort, weight, state, agent }) => ({
      name,
      address,
      port: hostPort,
      weight,
      state,
      ...(agent ? { agent } : {}),
    })),
    ...(inputs.weights === "load" ? { weights: "load" } : {}),
  };
}
