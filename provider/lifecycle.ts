import * as operations from "./dynamic/operations.ts";
import { kinds } from "./kinds.ts";

const methods = {
  check: operations.check,
  diff: operations.diff,
  create: operations.create,
  read: operations.read,
  update: operations.update,
  delete: operations.remove,
} as const;

/**
 * The runtime face: runs one call of the dynamic provider protocol for a kind of resource. The serialized shim loads
 * it, so its name, its signature and the kinds' names are in users' states and never change.
 */
export async function operate(kind: string, method: string, args: readonly unknown[]): Promise<unknown> {
  const known = kinds[kind];
  const run = methods[method as keyof typeof methods];
  if (!known || !run)
    throw new Error(`pulumi-jail of this version has no "${kind}" or no "${method}"; upgrade the package`);
  return (run as (...call: readonly unknown[]) => Promise<unknown>)(known, ...args);
}
