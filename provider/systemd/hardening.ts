import type { Loosening } from "../manifest/launch.ts";
import { loosen } from "./loosening.ts";
import type { Directive } from "./unit.ts";

/** What the defaults depend on. */
export interface HardeningFor {
  /** Host's end of the jail's network; absent without a private network. */
  readonly hostAddress?: string;
  readonly network: "private" | "host" | "none";
  readonly writeExecuteMemory: boolean;
  readonly loosened?: readonly Loosening[];
  readonly overrides: Readonly<Record<string, string>>;
}

/**
 * The sandbox of every jailed service (systemd.exec(5)); an override takes the place of a default by its name. What a
 * host does not enforce of it is probed and told beside the score.
 */
export function hardening(wanted: HardeningFor, allowed: readonly string[]): readonly Directive[] {
  const { overrides } = wanted;
  const defaults = defaultDirectives(wanted, allowed);
  const known = new Set(defaults.map(([name]) => name));
  const replaced = defaults.map(
    ([name, value]): Directive => [name, overrides[name] ?? loosen(name, value, wanted.loosened ?? [])],
  );
  const added = Object.keys(overrides)
    .filter((name) => !known.has(name))
    .sort();
  return [...replaced, ...added.map((name): Directive => [name, overrides[name]])];
}

function defaultDirectives(wanted: HardeningFor, allowed: readonly string[]): readonly Directive[] {
  return [
    ["MountAPIVFS", "yes"],
    ["PrivateTmp", "yes"],
    ["PrivateDevices", "yes"],
    ["PrivateUsers", "yes"],
    ["PrivateIPC", "yes"],
    ["ProtectProc", "invisible"],
    ["ProcSubset", "pid"],
    ["ProtectSystem", "strict"],
    ["ProtectHome", "yes"],
    ["ProtectKernelTunables", "yes"],
    ["ProtectKernelModules", "yes"],
    ["ProtectKernelLogs", "yes"],
    ["ProtectControlGroups", "yes"],
    ["ProtectClock", "yes"],
    ["ProtectHostname", "yes"],
    ["CapabilityBoundingSet", ""],
    ["AmbientCapabilities", ""],
    ["NoNewPrivileges", "yes"],
    ["RestrictNamespaces", "yes"],
    ["RestrictSUIDSGID", "yes"],
    ["RestrictRealtime", "yes"],
    ["RestrictAddressFamilies", wanted.network === "none" ? "AF_UNIX" : "AF_INET AF_INET6 AF_UNIX"],
    ["LockPersonality", "yes"],
    ["MemoryDenyWriteExecute", wanted.writeExecuteMemory ? "no" : "yes"],
    ["RemoveIPC", "yes"],
    ["UMask", "0077"],
    ["KeyringMode", "private"],
    ["DevicePolicy", "closed"],
    ["SystemCallArchitectures", "native"],
    ["SystemCallFilter", ["@system-service", "~@privileged @resources"]],
    ["SystemCallErrorNumber", "EPERM"],
    ["IPAddressDeny", "any"],
    ["IPAddressAllow", allowed.length > 0 ? allowed.join(" ") : undefined],
  ];
}
