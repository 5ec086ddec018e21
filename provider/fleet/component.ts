import * as pulumi from "@pulumi/pulumi";
import type { Failure } from "../resource/kind.ts";

/**
 * Ends the program with every failure, in the preview: a component has no check of the engine's. It is told as the
 * engine tells a resource's own, a line each, and without a stack.
 */
export function refuse(kind: string, name: string, failures: readonly Failure[]): void {
  if (failures.length === 0) return;
  const lines = failures.map(({ property, reason }) => `${property}: ${reason}`);
  throw new pulumi.RunError([`${kind} ${name}:`, ...lines].join("\n  "));
}

/** What of a component's options its members have too; `protect` and `aliases` they inherit by themselves. */
export function memberOptions(
  parent: pulumi.ComponentResource,
  { customTimeouts, deletedWith, retainOnDelete }: pulumi.ComponentResourceOptions,
): pulumi.CustomResourceOptions {
  return {
    parent,
    ...(customTimeouts !== undefined && { customTimeouts }),
    ...(deletedWith !== undefined && { deletedWith }),
    ...(retainOnDelete !== undefined && { retainOnDelete }),
  };
}
