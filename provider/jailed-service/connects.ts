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
