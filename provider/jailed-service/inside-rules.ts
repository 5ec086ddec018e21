import type { Launch } from "../manifest/launch.ts";
import { connectTargets } from "./connects.ts";
import type { JailedServiceInputs } from "./inputs.ts";

type Given = Pick<JailedServiceInputs, "connects" | "network" | "ports">;

/** A declared port that the program serves on the jail's loopback only. */
export interface LoopbackPort {
  readonly protocol: "tcp" | "udp";
  readonly jailPort: number;
}

/**
 * Many daemons listen on 127.0.0.1 unless told otherwise. That a port is declared says that it is to be reached, so it is
 * led there inside of the jail's own namespace; the client keeps its address, so what the daemon allows to strangers
 * stays as it is.
 */
export function loopbackPorts({ network, ports }: Given, launch: Pick<Launch, "listens">): readonly LoopbackPort[] {
  if (network !== "private") return [];
  const seen = new Set(
    launch.listens.flatMap((listen) => (listen.loopback ? [`${listen.protocol} ${listen.jailPort}`] : [])),
  );
  return Object.values(ports)
    .flatMap(({ jailPort, protocol = "tcp" }) => (jailPort === undefined ? [] : [{ protocol, jailPort }]))
    .filter(({ protocol, jailPort }) => seen.has(`${protocol} ${jailPort}`))
    .sort((one, other) => one.jailPort - other.jailPort || (one.protocol < other.protocol ? -1 : 1));
}

/** The nat table inside of the jail's namespace; undefined when it needs none. */
export function insideRules(inputs: Given, launch: Pick<Launch, "listens">): string | undefined {
  const out = connectTargets(inputs).map(
    ({ address, jailPort, protocol, to }) =>
      `ip daddr ${address} ${protocol} dport ${jailPort} dnat ip to ${to.address}:${to.hostPort}`,
  );
  const arriving = loopbackPorts(inputs, launch).map(
    ({ protocol, jailPort }) => `iifname "eth0" ${protocol} dport ${jailPort} dnat ip to 127.0.0.1`,
  );
  const chains = [...chain("output", out), ...chain("prerouting", arriving)];
  if (chains.length === 0) return undefined;
  return `table inet connects\ndelete table inet connects\ntable inet connects {\n${chains.join("")}}\n`;
}

function chain(hook: "output" | "prerouting", rules: readonly string[]): readonly string[] {
  if (rules.length === 0) return [];
  const lines = [`type nat hook ${hook} priority -100; policy accept;`, ...rules].map((line) => `    ${line}\n`);
  return [`  chain ${hook} {\n${lines.join("")}  }\n`];
}
