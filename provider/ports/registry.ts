import { type Found, parseOwner } from "../ownership/ownership.ts";

/** One line of the host's registry: a port held for a service, or the service's number (key `@net`). */
export interface RegistryEntry {
  readonly serviceName: string;
  readonly key: string;
  readonly protocol: "tcp" | "udp" | "net";
  readonly hostPort: number;
  readonly jailPort: number;
  readonly fixed: boolean;
  readonly owner: Found;
}

/** The responder's service name and key: the registry's first entry on every host. */
export const RESPONDER = "@host";

/** The key of the line that holds a service's network number. */
export const NETWORK_KEY = "@net";

/** The registry as the host keeps it, tab-separated (scripts/registry.sh writes it). Throws on a line that is none. */
export function parseRegistry(text: string): readonly RegistryEntry[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map(parseLine);
}

function parseLine(line: string): RegistryEntry {
  const [serviceName = "", key = "", protocol = "", hostPort, jailPort, fixed, owner] = line.split("\t");
  const entry = { serviceName, key, hostPort: Number(hostPort), jailPort: Number(jailPort), fixed: fixed === "fixed" };
  const known = protocol === "tcp" || protocol === "udp" || protocol === "net";
  if (!known || owner === undefined || !Number.isInteger(entry.hostPort) || !Number.isInteger(entry.jailPort))
    throw new Error(`the port registry has a line that is none: ${JSON.stringify(line)}`);
  return { ...entry, protocol, owner: parseOwner(owner) };
}
