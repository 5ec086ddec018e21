import { portFailures } from "../ports/port-inputs.ts";
import { failuresOf, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown } from "../resource/unknown.ts";
import { hardeningFailure } from "../systemd/hardening-overrides.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { serviceSchema } from "./schema.ts";

type Candidate = Readonly<Record<string, unknown>>;

/** Every failure of normalized inputs at once, with its exact path. */
export function serviceFailures(inputs: Candidate, olds: Partial<JailedServiceInputs> | undefined): readonly Failure[] {
  return [
    ...failuresOf(serviceSchema, inputs),
    ...portFailures(inputs["ports"]),
    ...hardeningFailures(inputs["hardening"]),
    ...switchoverFailures(inputs),
    ...networkFailures(inputs),
    ...healthFailures(inputs),
    ...gateFailures(inputs),
    ...connectFailures(inputs),
    ...volumeFailures(inputs, olds),
  ];
}

function hardeningFailures(hardening: unknown): readonly Failure[] {
  if (typeof hardening !== "object" || hardening === null) return [];
  return Object.entries(hardening).flatMap(([name, value]) => {
    const reason = isUnknown(value) ? undefined : hardeningFailure(name, value);
    return reason === undefined ? [] : [{ property: `hardening.${name}`, reason }];
  });
}

function switchoverFailures({ switchover, network, ports, volumes }: Candidate): readonly Failure[] {
  if (switchover !== "overlap") return [];
  const fail = (reason: string) => [{ property: "switchover", reason }];
  if (typeof volumes === "object" && volumes !== null) {
    const shared = Object.entries(volumes).find(([, volume]) => volume?.readOnly !== true && !isUnknown(volume));
    if (shared) return fail(`"overlap" would run two processes on volume "${shared[0]}"`);
  }
  if (network !== "private" && !isUnknown(network))
    return fail(`"overlap" needs network "private", not ${shown(network)}`);
  const known = typeof ports === "object" && ports !== null && !containsUnknown(ports);
  if (known && !Object.values(ports).some((port) => port?.protocol === "tcp"))
    return fail('"overlap" needs a tcp port');
  return [];
}

function networkFailures({ network, ports, egress, connects }: Candidate): readonly Failure[] {
  const numbered = Object.keys((ports ?? {}) as Candidate).filter((key) => {
    const port = (ports as Readonly<Record<string, Candidate>>)[key];
    return typeof port === "object" && port !== null && !("socket" in port);
  });
  if (network === "none")
    return [
      ...numbered.map((key) => ({ property: `ports.${key}`, reason: 'network "none" has no ports; sockets only' })),
      ...(egress !== "none" && !isUnknown(egress) ? [{ property: "egress", reason: 'network "none" has none' }] : []),
    ];
  if (network !== "host") return [];
  const mapped = numbered.filter((key) => {
    const { jailPort, hostPort } = (ports as Readonly<Record<string, Candidate>>)[key] ?? {};
    return !isUnknown(jailPort) && !isUnknown(hostPort) && jailPort !== hostPort;
  });
  return [
    ...mapped.map((key) => ({
      property: `ports.${key}.hostPort`,
      reason: 'network "host" maps no ports: it has to be given, and equal to jailPort',
    })),
    ...(connects === undefined
      ? []
      : [{ property: "connects", reason: 'network "host" has none: connect to the endpoint\'s own address and port' }]),
  ];
}

function healthFailures({ healthCheck, ports, network }: Candidate): readonly Failure[] {
  if (typeof healthCheck !== "object" || healthCheck === null) return [];
  const { port, type, command, path } = healthCheck as Candidate;
  const keys = typeof ports === "object" && ports !== null ? Object.keys(ports) : [];
  const at = (name: string, reason: string) => ({ property: `healthCheck.${name}`, reason });
  return [
    ...(typeof port === "string" && !isUnknown(port) && !keys.includes(port)
      ? [at("port", `${shown(port)} is no key of ports (${keys.join(", ") || "there are none"})`)]
      : []),
    ...(type === "exec" && command === undefined ? [at("command", 'type "exec" needs a command')] : []),
    ...(command !== undefined && path !== undefined ? [at("path", "a command has no path")] : []),
    ...(network === "none" && type !== undefined && type !== "exec" && !isUnknown(type)
      ? [at("type", 'network "none" can be checked by "exec" only')]
      : []),
  ];
}

function gateFailures({ gate }: Candidate): readonly Failure[] {
  if (typeof gate !== "object" || gate === null) return [];
  const { samples, maxFailures } = gate as Candidate;
  if (typeof samples !== "number" || typeof maxFailures !== "number" || maxFailures < samples) return [];
  return [
    { property: "gate.maxFailures", reason: `${maxFailures} of ${samples} samples may fail: it lets everything pass` },
  ];
}

function connectFailures({ connects }: Candidate): readonly Failure[] {
  if (typeof connects !== "object" || connects === null) return [];
  return Object.entries(connects as Readonly<Record<string, Candidate>>).flatMap(([key, connect]) => {
    const endpoint = connect?.["endpoint"];
    if (typeof endpoint !== "object" || endpoint === null || (endpoint as Candidate)["protocol"] !== "unix") return [];
    if (connect["jailPath"] !== undefined) return [];
    return [{ property: `connects.${key}`, reason: "a socket needs a jailPath to be bound at" }];
  });
}

/** A renamed service would take new, empty volumes by default. */
function volumeFailures(inputs: Candidate, olds: Partial<JailedServiceInputs> | undefined): readonly Failure[] {
  const { serviceName, volumes } = inputs;
  if (!olds?.serviceName || isUnknown(serviceName) || olds.serviceName === serviceName) return [];
  return Object.entries((volumes ?? {}) as JailedServiceInputs["volumes"] & object).flatMap(([key, volume]) => {
    const before = olds.volumes?.[key]?.volumeName;
    return before === `${olds.serviceName}.${key}` && volume.volumeName === `${String(serviceName)}.${key}`
      ? [
          {
            property: "serviceName",
            reason: `${shown(serviceName).replaceAll('"', "")} would leave volume "${before}" behind; set volumes.${key}.volumeName`,
          },
        ]
      : [];
  });
}
