import { createHash } from "node:crypto";

/** The machine's id as outputs tell it: machine-id(5) asks not to show it itself to anybody. */
export function hostIdOf(machineId: string): string {
  return createHash("sha256").update(`pulumi-jail\0${machineId}`).digest("hex").slice(0, 32);
}
