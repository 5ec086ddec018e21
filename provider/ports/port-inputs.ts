import * as v from "valibot";
import { absolutePathSchema, failuresOf, known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { isUnknown } from "../resource/unknown.ts";
import { FIRST_ALLOCATED_PORT, isAllocatedPort, LAST_ALLOCATED_PORT } from "./allocation.ts";

/** A checked port: defaults filled in. Exactly one of `jailPort` and `socket` is set. */
export interface PortInputs {
  readonly jailPort?: number;
  readonly protocol?: "tcp" | "udp";
  /** Fixed. */
  readonly hostPort?: number;
  readonly bindAddress?: string;
  readonly socket?: string;
}

/** `ports` as given, each as an object; what is unknown stays so. */
export function normalizePorts(given: unknown): unknown {
  if (typeof given !== "object" || given === null) return given ?? {};
  return Object.fromEntries(Object.entries(given).map(([key, port]) => [key, normalizePort(port)]));
}

/** Every failure of normalized ports, at `ports...`. */
export function portFailures(ports: unknown): readonly Failure[] {
  return [...failuresOf(schema, { ports }), ...duplicates(ports)];
}

function normalizePort(port: unknown): unknown {
  if (isUnknown(port)) return { jailPort: port, protocol: "tcp" };
  if (typeof port === "number") return { jailPort: port, protocol: "tcp" };
  if (typeof port !== "object" || port === null || "socket" in port) return port;
  return { ...port, protocol: (port as PortInputs).protocol ?? "tcp" };
}

function duplicates(ports: unknown): readonly Failure[] {
  if (typeof ports !== "object" || ports === null) return [];
  const seen = new Map<string, string>();
  return Object.entries(ports as Readonly<Record<string, PortInputs>>).flatMap(([key, port]) => {
    if (typeof port?.jailPort !== "number") return [];
    const place = `${port.jailPort}/${port.protocol}`;
    const other = seen.get(place);
    seen.set(place, key);
    return other === undefined
      ? []
      : [{ property: "ports", reason: `${other} and ${key} both have jailPort ${place}` }];
  });
}

const portNumber = v.pipe(
  v.number((issue) => `${shown(issue.input)} is not a number`),
  v.integer((issue) => `${shown(issue.input)} is no port; 1 to 65535`),
  v.minValue(1, (issue) => `${shown(issue.input)} is no port; 1 to 65535`),
  v.maxValue(65535, (issue) => `${shown(issue.input)} is no port; 1 to 65535`),
);

const fixedPort = v.pipe(
  portNumber,
  v.check(
    (port) => !isAllocatedPort(port),
    (issue) => `${shown(issue.input)} lies in the allocated range ${FIRST_ALLOCATED_PORT}-${LAST_ALLOCATED_PORT}`,
  ),
);

/** IPv4 in four plain numbers. */
export function addressSchema(): v.GenericSchema<string> {
  return known(
    v.pipe(
      v.string((issue) => `${shown(issue.input)} is not a string`),
      v.check(isAddress, (issue) => `${shown(issue.input)} is no IPv4 address`),
    ),
  );
}

function isAddress(text: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(text) && text.split(".").every((part) => Number(part) < 256);
}

const socketPort = v.strictObject({ socket: absolutePathSchema() }, unknownKey);

const numberedPort = v.strictObject(
  {
    jailPort: known(portNumber),
    protocol: known(v.picklist(["tcp", "udp"], (issue) => `${shown(issue.input)} is neither "tcp" nor "udp"`)),
    hostPort: v.optional(known(fixedPort)),
    bindAddress: v.optional(addressSchema()),
  },
  unknownKey,
);

const schema = v.object({
  ports: known(
    v.record(
      v.pipe(
        v.string(),
        v.regex(
          /^[a-z][a-z0-9_-]{0,31}$/,
          (issue) => `${shown(issue.input)} is no name of a port; a-z, 0-9, "_" and "-"`,
        ),
      ),
      known(
        v.lazy((port) => (typeof port === "object" && port !== null && "socket" in port ? socketPort : numberedPort)),
      ),
      "is no record of ports",
    ),
  ),
});

/** Said of a value that is no object, and of a key that is not one of a port's. */
function unknownKey(issue: { readonly input: unknown; readonly expected: string | null }): string {
  return issue.expected === "never" ? `${shown(issue.input)} is not known here` : `${shown(issue.input)} is no port`;
}
