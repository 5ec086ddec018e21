import type { Host } from "../host/host.ts";
import { type Machine, machine } from "../host/questions/machine.ts";
import { read } from "../host/questions/read.ts";
import type { Found } from "../ownership/ownership.ts";
import { parseRegistry, type RegistryEntry } from "../ports/registry.ts";

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

/** One round trip. */
export async function observeReservation(host: Host, serviceName: string): Promise<ObservedReservation> {
  const [about, text] = await host.ask([machine(), read("/var/lib/pulumi-jail/ports")]);
  const all = parseRegistry(text ?? "");
  const entries = all.filter((entry) => entry.serviceName === serviceName);
  // Lines that the service wrote back after a loss (claim "-") belong to whoever comes for them.
  const owners = entries
    .map((entry) => entry.owner)
    .filter((owner) => owner.state !== "owned" || owner.owner.claim !== "-");
  return {
    machine: about,
    found: owners[0] ?? { state: "nothing" },
    entries,
    responderPort: all.find((entry) => entry.serviceName === "@host")?.hostPort,
    text: text ?? "",
  };
}
