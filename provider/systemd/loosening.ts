import type { Loosening } from "../manifest/launch.ts";

/** Directives with what a loosening adds to their values; each is a door that stays shut for all other services. */
const added: Readonly<Record<Loosening, Readonly<Record<string, string>>>> = {
  // A daemon that starts as root to become its own user ends when it is refused. All its names mean the service's one uid
  // in the jail: to become what it is already takes no capability, and the kernel refuses all else.
  "own-identity": { SystemCallFilter: "@setuid @chown" },
  // The call is answered with success and never reaches the kernel, which would ask for a capability. Nobody has groups but
  // the service's own, in the jail and before the call. After @setuid, which allows it: later lines win (systemd.exec(5)).
  groups: { SystemCallFilter: "~setgroups:0" },
  // As with groups: whatever a jail's daemon makes has its one owner, so giving a file to another changes nothing, either.
  owners: { SystemCallFilter: "~@chown:0" },
  // To list interfaces and routes, of the jail's own network namespace.
  netlink: { RestrictAddressFamilies: "AF_NETLINK" },
  // Priorities and limits of its own processes; to raise them takes a capability.
  resources: { SystemCallFilter: "@resources" },
  // The whole of /proc, still without other users' processes: memory, load and kernel settings, read-only.
  proc: { ProcSubset: "all" },
  // Code that it compiles as it runs, where the trace did not come to it.
  "write-execute": { MemoryDenyWriteExecute: "no" },
};

const replaced: ReadonlySet<string> = new Set(["ProcSubset", "MemoryDenyWriteExecute"]);

/** `netlink (RestrictAddressFamilies=AF_NETLINK)`. */
export function describeLoosening(loosening: Loosening): string {
  const directives = Object.entries(added[loosening]).map(([name, value]) => `${name}=${value}`);
  return `${loosening} (${directives.join(" ")})`;
}

/** A directive's value with all that was loosened; a list is a line each, and systemd adds them up. */
export function loosen(
  name: string,
  value: string | readonly string[] | undefined,
  loosened: readonly Loosening[],
): string | readonly string[] | undefined {
  const more = loosened.flatMap((one) => added[one][name] ?? []);
  if (more.length === 0) return value;
  if (replaced.has(name)) return more.at(-1);
  return [...(typeof value === "string" ? [value] : (value ?? [])), ...more];
}
