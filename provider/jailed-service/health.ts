import { type Launch, portOf } from "../manifest/launch.ts";
import type { SlotNetwork } from "../ports/network.ts";
import type { PortInputs } from "../ports/port-inputs.ts";
import type { JailedServiceInputs } from "./inputs.ts";

/**
 * The checks that a start has to pass, a line each as scripts/service-health.sh reads them. They go to the slot's own
 * address: what a service answers there says nothing about the way in, which the edge checks.
 */
export function healthChecks(
  inputs: JailedServiceInputs,
  service: { readonly uid: number; readonly gid: number; readonly launch: Pick<Launch, "sockets"> },
  network: SlotNetwork,
): readonly string[] {
  const check = inputs.healthCheck ?? {};
  const type = check.type ?? (check.command ? "exec" : check.path ? "http" : "tcp");
  if (type === "exec") return [["exec", service.uid, service.gid, ...(check.command ?? [])].join("\t")];
  if (inputs.network === "none") return [];
  const address = inputs.network === "private" ? network.jailAddress : "127.0.0.1";
  const ports = Object.entries(inputs.ports).filter(([key, port]) => isTcp(port) && (check.port ?? key) === key);
  // Where systemd listens for it, a connection says nothing: without any check the unit has to stay active for a moment.
  const passed = new Set(
    (service.launch.sockets ?? []).flatMap(({ listens }) =>
      listens.flatMap((listen) => (listen.type === "stream" ? (portOf(listen.address) ?? []) : [])),
    ),
  );
  const asked = type === "http" ? ports : ports.filter(([, { jailPort }]) => !passed.has(jailPort ?? 0));
  return asked.map(([, { jailPort }]) =>
    type === "http"
      ? ["http", address, jailPort, check.expectStatus ?? "200-399", check.path ?? "/"].join("\t")
      : ["tcp", address, jailPort].join("\t"),
  );
}

function isTcp(port: PortInputs): boolean {
  return port.jailPort !== undefined && port.protocol !== "udp";
}
