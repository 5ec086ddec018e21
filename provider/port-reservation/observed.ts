import type { Machine } from "../host/questions/machine.ts";
import type { Found } from "../ownership/ownership.ts";
import type { RegistryEntry } from "../ports/registry.ts";

/** What the registry has for a service, and the machine it is on. */
export interface ObservedReservation {
  readonly machine: Machine;
  readonly found: Found;
  readonly entries: readonly RegistryEntry[];
  /** Undefined until the first reservation on this host. */
  readonly responderPort: number | undefined;
  /** The registry's own text. */
  readonly text: string;
}
