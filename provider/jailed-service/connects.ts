import type { JailedServiceInputs } from "./inputs.ts";

/** Where a name of `connects` leads inside of the jail: an address that exists there only, at the usual port. */
export interface ConnectTarget {
  readonly key: string;
  readonly address: string;
  readonly jailPort: number;
  readonly protocol: "tcp" | "udp";
  readonly to: { readonly address: string; readonly hostPort: number };
}

/** By the keys' order: an address each, so that two databases may both have the usual port. */
export function connectTargets({ connects }: Pick<JailedServiceInputs, "connects">): readonly ConnectTarget[] {
  return Object.entries(connects ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([key, { endpoint, jailPort }], index) =>
      endpoint.protocol === "unix"
        ? []
        : [
            {
              key,
              address: `100.126.0.${index + 1}`,
              jailPort: jailPort ?? endpoint.jailPort,
              protocol: endpoint.protocol,
              to: { address: endpoint.address, hostPort: endpoint.hostPort },
            },
          ],
    );
}

/** The nat table inside of the jail's namespace; undefined when it connects to nothing. */
export function connectRules(inputs: Pick<JailedServiceInputs, "connects">): string | undefined {
  const targets = connectTargets(inputs);
  if (targets.length === 0) return undefined;
  const rules = targets.map(
    ({ address, jailPort, protocol, to }) =>
      `    ip daddr ${address} ${protocol} dport ${jailPort} dnat ip to ${to.address}:${to.hostPort}\n`,
  );
  return `table inet connects
delete table inet connects
table inet connects {
  chain output {
    type nat hook output priority -100; policy accept;
${rules.join("")}  }
}
`;
}
