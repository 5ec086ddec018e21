import type { Endpoint, HealthCheck } from "../ports/endpoint.ts";
import { normalizePorts, type PortInputs } from "../ports/port-inputs.ts";
import { decideName } from "../resource/check.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import type { Checked, CommonInputs } from "../resource/kind.ts";
import { isUnknown } from "../resource/unknown.ts";
import { serviceFailures } from "./check.ts";
import type { GateInputs } from "./gate.ts";

/** A checked volume. */
export interface VolumeInputs {
  readonly jailPath: string;
  readonly volumeName: string;
  readonly readOnly?: boolean;
  readonly removeOnDelete?: boolean;
}

/** A checked connection to another service. */
export interface ConnectInputs {
  readonly endpoint: Endpoint;
  readonly jailPort?: number;
  readonly jailPath?: string;
}

/** Checked limits, by systemd's names. */
export interface LimitInputs {
  readonly memoryMax?: string;
  readonly cpuQuota?: string;
  readonly tasksMax?: number;
  readonly limitNOFILE?: number;
}

/** Checked inputs of a JailedService: defaults filled in. */
export interface JailedServiceInputs extends CommonInputs {
  readonly serviceName: string;
  readonly jailName: string;
  /** The generation that is asked for; the output of the same name is the one that serves. */
  readonly generation: string;
  readonly ports: Readonly<Record<string, PortInputs>>;
  /** From the reservation, completed with the health check, so that edges know them in a preview. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
  readonly execStart?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly credentials?: Readonly<Record<string, string>>;
  readonly configFiles?: Readonly<Record<string, { readonly content: string; readonly mode?: string }>>;
  readonly volumes?: Readonly<Record<string, VolumeInputs>>;
  readonly connects?: Readonly<Record<string, ConnectInputs>>;
  readonly network: "private" | "host" | "none";
  readonly egress: "none" | "any" | readonly string[];
  readonly limits?: LimitInputs;
  readonly hardening?: Readonly<Record<string, string>>;
  readonly healthCheck?: HealthCheck;
  readonly switchover: "overlap" | "restart";
  readonly drainSeconds: number;
  readonly settleSeconds: number;
  readonly gate?: GateInputs;
}

/** What the host shows. `generation` is the one that serves, also after a failed update. */
export interface JailedServiceOutputs extends CommonOutputs {
  readonly generation: string;
  /** The instance that serves, `jailed-web@a.service`; empty while none does. */
  readonly unitName: string;
  /** What `systemd-analyze security` says, and what of it this host does not enforce. */
  readonly exposure: Exposure;
  readonly uid: number;
  /** Directories with data of the service for which no volume is declared: they go with it. Absent when there are none. */
  readonly dataWithoutVolume?: readonly string[];
}

/** How exposed a unit is: systemd's score, and what of it is not in force. */
export interface Exposure {
  /** 0 is best, 10 worst. */
  readonly score: number;
  readonly notEnforced: readonly string[];
}

type Given = Readonly<Record<string, unknown>>;

/** Fills in what is known offline and finds every failure. */
export function checkJailedService(
  olds: Partial<JailedServiceInputs> | undefined,
  news: Given,
): Checked<JailedServiceInputs> {
  const own = (news["__jail"] as { readonly name?: string } | undefined)?.name;
  const serviceName = decideName(news["serviceName"], olds?.serviceName, own);
  const network = news["network"] ?? "private";
  const ports = normalizePorts(news["ports"]);
  const volumes = normalizeVolumes(news["volumes"], serviceName);
  const inputs = {
    ...news,
    serviceName,
    ports,
    endpoints: completeEndpoints(news["endpoints"], news["healthCheck"]),
    ...(volumes !== undefined && { volumes }),
    ...(news["connects"] !== undefined && { connects: normalizeConnects(news["connects"]) }),
    network,
    egress: news["egress"] ?? "none",
    switchover: news["switchover"] ?? defaultSwitchover(network, ports, volumes),
    drainSeconds: news["drainSeconds"] ?? 30,
    settleSeconds: news["settleSeconds"] ?? 0,
    ...(news["gate"] !== undefined && { gate: completeGate(news["gate"]) }),
  };
  const failures = serviceFailures(inputs, olds);
  return { inputs: inputs as unknown as JailedServiceInputs, failures };
}

/** Whether two processes would work on the same data. */
export function sharesData(volumes: Readonly<Record<string, VolumeInputs>> | undefined): readonly string[] {
  return Object.entries(volumes ?? {}).flatMap(([key, volume]) => (volume.readOnly === true ? [] : [key]));
}

function defaultSwitchover(network: unknown, ports: unknown, volumes: unknown): "overlap" | "restart" {
  const hasTcp = Object.values((ports ?? {}) as Record<string, PortInputs>).some((port) => port?.protocol === "tcp");
  const shared = isUnknown(volumes) ? [] : sharesData(volumes as JailedServiceInputs["volumes"]);
  return network === "private" && hasTcp && shared.length === 0 ? "overlap" : "restart";
}

function completeGate(gate: unknown): unknown {
  return typeof gate === "object" && gate !== null ? { samples: 20, maxFailures: 0, ...gate } : gate;
}

function normalizeVolumes(volumes: unknown, serviceName: unknown): unknown {
  if (typeof volumes !== "object" || volumes === null) return volumes;
  return Object.fromEntries(
    Object.entries(volumes).map(([key, volume]) =>
      typeof volume !== "object" || volume === null
        ? [key, volume]
        : [key, { ...volume, volumeName: (volume as VolumeInputs).volumeName ?? `${String(serviceName)}.${key}` }],
    ),
  );
}

/** `{ db: endpoint }` is short for `{ db: { endpoint } }`. */
function normalizeConnects(connects: unknown): unknown {
  if (typeof connects !== "object" || connects === null) return connects;
  return Object.fromEntries(
    Object.entries(connects).map(([key, connect]) => [
      key,
      typeof connect === "object" && connect !== null && "endpoint" in connect ? connect : { endpoint: connect },
    ]),
  );
}

/** The check of a service goes with its endpoints; one that names a port, with that one only. */
function completeEndpoints(endpoints: unknown, healthCheck: unknown): unknown {
  if (typeof endpoints !== "object" || endpoints === null) return endpoints ?? {};
  if (typeof healthCheck !== "object" || healthCheck === null) return endpoints;
  const { port } = healthCheck as HealthCheck;
  return Object.fromEntries(
    Object.entries(endpoints).map(([key, endpoint]) => [
      key,
      (port === undefined || port === key) && typeof endpoint === "object" ? { ...endpoint, healthCheck } : endpoint,
    ]),
  );
}
