import type { Connection } from "../../host/connection.ts";
import { poolKey } from "../../host/pool.ts";
import { compareText } from "../../manifest/entries.ts";
import type { KnownJail, KnownMapping, KnownService, KnownStack } from "../stack.ts";

/** A host with what the state has on it. */
export interface KnownHost {
  /** As the program calls it. */
  readonly name: string;
  readonly connection: Connection;
  readonly hostId: string | undefined;
  readonly jails: readonly KnownJail[];
  readonly services: readonly KnownService[];
  readonly mappings: readonly KnownMapping[];
}

/** The hosts of a state, by name; resources that are reached the same way are on one. */
export function hostsOf({ jails, services, mappings }: KnownStack): readonly KnownHost[] {
  const all = [...jails, ...services, ...mappings];
  const keys = [...new Set(all.map(keyOf))];
  const hosts = keys.map((key) => {
    const here = all.filter((one) => keyOf(one) === key);
    const [first] = here;
    const on = <One extends { readonly properties: { readonly connection: Connection } }>(some: readonly One[]) =>
      some.filter((one) => keyOf(one) === key);
    return {
      name: first!.host,
      connection: first!.properties.connection,
      hostId: here.find(({ properties }) => properties.hostId)?.properties.hostId,
      jails: on(jails).toSorted((one, other) => compareText(one.properties.jailName, other.properties.jailName)),
      services: on(services).toSorted((one, other) =>
        compareText(one.properties.serviceName, other.properties.serviceName),
      ),
      mappings: on(mappings).toSorted((one, other) =>
        compareText(one.properties.mappingName, other.properties.mappingName),
      ),
    };
  });
  return hosts.toSorted((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
}

function keyOf({ properties }: { readonly properties: { readonly connection: Connection } }): string {
  return poolKey(properties.connection);
}
