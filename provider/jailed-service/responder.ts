import { responderProgram } from "../host/responder-program.ts";
import type { Step } from "../host/step.ts";
import { RESPONDER } from "../ports/registry.ts";
import {
  RESPONDER_DIRECTORY,
  RESPONDER_PROGRAM,
  RESPONDER_SERVICE_PATH,
  RESPONDER_SOCKET_PATH,
  renderResponderService,
  renderResponderSocket,
  responderSocket,
} from "../systemd/responder-unit.ts";
import type { FileText, Surroundings } from "./desired.ts";
import { differences, type Finding } from "./finding.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import type { Observed } from "./observed.ts";

const MARK = "pulumi-jail: shared by all jailed services; what is changed here is drift";

/** The responder's files, equal on all hosts. */
export function responderFiles(): readonly FileText[] {
  return [
    { path: RESPONDER_PROGRAM, mode: "0755", content: responderProgram() },
    { path: RESPONDER_SOCKET_PATH, mode: "0644", content: renderResponderSocket(MARK) },
    { path: RESPONDER_SERVICE_PATH, mode: "0644", content: renderResponderService(MARK) },
  ];
}

/** Where edges ask for this service: at the addresses of its ports, at the port that is the registry's first entry. */
export function responderPlaces(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Pick<Observed, "registry">,
): { readonly port: number; readonly addresses: readonly string[] } | undefined {
  const port =
    observed.registry.find((entry) => entry.serviceName === RESPONDER)?.hostPort ??
    Object.values(inputs.endpoints)[0]?.responder.hostPort;
  const addresses = [...new Set(Object.values(around.boundAddresses))].sort();
  return port && addresses.length > 0 ? { port, addresses } : undefined;
}

/** What differs of the responder; only for a service that has ports. */
export function responderFindings(
  inputs: JailedServiceInputs,
  around: Surroundings,
  observed: Observed,
): readonly Finding[] {
  const places = responderPlaces(inputs, around, observed);
  if (!places) return [];
  const { responder } = observed;
  const sockets = places.addresses.flatMap((address) => {
    const at = `${address}:${places.port}`;
    return [
      ...(responder.listens.has(at) ? [] : [`the host's responder does not listen at ${at}`]),
      ...(responder.enabled.has(responderSocket(address, places.port))
        ? []
        : [`${responderSocket(address, places.port)} is not enabled`]),
    ];
  });
  const files = responderFiles().flatMap((file) => differences(file, observed));
  const texts = [
    ...files,
    ...responder.dropIns.map((path) => `${path} overrides the responder's units`),
    ...sockets,
    ...(responder.isPublished || files.length > 0
      ? []
      : [`${RESPONDER_DIRECTORY}/ports differs from the host's registry`]),
  ];
  return [
    ...texts.map((text): Finding => ({ text, remedy: "responder" })),
    ...(responder.drains.has(inputs.serviceName)
      ? [{ text: "edges are still told to drain it", remedy: "ready" } as const]
      : []),
  ];
}

/** Makes it listen, now and after a reboot. */
export function responderUpStep({
  port,
  addresses,
}: {
  readonly port: number;
  readonly addresses: readonly string[];
}): Step {
  const at = addresses.map((address) => `${address}:${port}`).join(" and ");
  return {
    step: "responder-up",
    args: [`${port}`, ...addresses],
    describe: `letting the host's responder listen at ${at}`,
  };
}

/** Tells edges to send nobody new, and waits for what is under way when one of them has asked lately. */
export function responderDrainStep(inputs: JailedServiceInputs, slot: string, ports: readonly string[]): Step {
  const { serviceName, drainSeconds } = inputs;
  // As long as the restart may take; a run that is killed leaves no service drained for ever.
  const valid = drainSeconds + (inputs.healthCheck?.deadlineSeconds ?? 60) + inputs.settleSeconds + 60;
  return {
    step: "responder-drain",
    args: [serviceName, `${valid}`, slot, `${drainSeconds}`, ...ports],
    describe: `telling edges to drain ${serviceName}`,
  };
}

/** Edges may send again. */
export function responderReadyStep(serviceName: string): Step {
  return { step: "responder-ready", args: [serviceName], describe: `telling edges that ${serviceName} is ready` };
}
