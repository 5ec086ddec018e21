import * as operations from "./dynamic/operations.ts";
import { jailKind } from "./jail/lifecycle.ts";
import { jailedServiceKind } from "./jailed-service/lifecycle.ts";
import { portMappingKind } from "./port-mapping/lifecycle.ts";
import { portReservationKind } from "./port-reservation/lifecycle.ts";

/**
 * The runtime face: what the serialized shim loads. The name `operate`, its signature and the kinds' names are in
 * users' states and never change.
 */
const kinds = {
  jail: jailKind,
  "port-reservation": portReservationKind,
  "jailed-service": jailedServiceKind,
  "port-mapping": portMappingKind,
} as const;

const methods = {
  check: operations.check,
  diff: operations.diff,
  create: operations.create,
  read: operations.read,
  update: operations.update,
  delete: operations.remove,
} as const;

/** Runs one call of the dynamic provider protocol for a kind of resource. */
export async function operate(kind: string, method: string, args: readonly unknown[]): Promise<unknown> {
  const known = kinds[kind as keyof typeof kinds];
  const run = methods[method as keyof typeof methods];
  if (!known || !run)
    throw new Error(`pulumi-jail of this version has no "${kind}" or no "${method}"; upgrade the package`);
  return (run as (...call: readonly unknown[]) => Promise<unknown>)(known, ...args);
}
