import type { Host } from "../host/host.ts";
import { machine } from "../host/questions/machine.ts";
import { read } from "../host/questions/read.ts";
import { parseRegistry } from "../ports/registry.ts";
import type { ObservedReservation } from "./observed.ts";

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
