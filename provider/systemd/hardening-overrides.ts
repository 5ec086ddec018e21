/**
 * The directives that `hardening` may set (systemd.exec(5), systemd.resource-control(5)), with the values each may have.
 * What makes the jail a jail (RootDirectory=, User=, NoNewPrivileges=, Bind*=, Exec*=) is not among them.
 */
const yesNo = /^(yes|no)$/;
const calls = /^~?(@[a-z-]+|[a-z0-9_]+)( (@[a-z-]+|[a-z0-9_]+))*$/;

const patterns: Readonly<Record<string, RegExp>> = {
  PrivateTmp: yesNo,
  PrivateDevices: yesNo,
  PrivateUsers: yesNo,
  PrivateIPC: yesNo,
  ProtectProc: /^(invisible|noaccess|ptraceable|default)$/,
  ProcSubset: /^(pid|all)$/,
  ProtectKernelTunables: yesNo,
  ProtectControlGroups: yesNo,
  ProtectClock: yesNo,
  ProtectHostname: yesNo,
  RestrictNamespaces: /^(yes|no|((cgroup|ipc|net|mnt|pid|user|uts) ?)+)$/,
  RestrictSUIDSGID: yesNo,
  RestrictRealtime: yesNo,
  RestrictAddressFamilies: /^(none|(AF_(UNIX|INET|INET6|NETLINK|PACKET) ?)+)$/,
  LockPersonality: yesNo,
  MemoryDenyWriteExecute: yesNo,
  RemoveIPC: yesNo,
  UMask: /^0[0-7]{3}$/,
  SystemCallFilter: calls,
  SystemCallErrorNumber: /^(EPERM|EACCES|ENOSYS|kill)$/,
  IPAddressDeny: /^[0-9a-f.:/ ]+$|^any$/,
  IPAddressAllow: /^[0-9a-f.:/ ]+$|^any$|^localhost$/,
  KillMode: /^(control-group|mixed|process)$/,
  KillSignal: /^SIG[A-Z0-9]+$/,
  TimeoutStopSec: /^\d{1,5}$/,
  OOMScoreAdjust: /^-?\d{1,4}$/,
  Nice: /^-?\d{1,2}$/,
  LimitCORE: /^(\d+|infinity)$/,
  LimitMEMLOCK: /^(\d+|infinity)$/,
  LimitNPROC: /^(\d+|infinity)$/,
};

/** With PrivateUsers= they count in the jail's own user namespace only, but each is a door. */
const capabilities: readonly string[] = [
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_IPC_LOCK",
  "CAP_SYS_NICE",
  "CAP_KILL",
  "CAP_CHOWN",
  "CAP_FOWNER",
  "CAP_SETUID",
  "CAP_SETGID",
];

/** Why an override is refused; undefined when it is fine. */
export function hardeningFailure(name: string, value: unknown): string | undefined {
  if (typeof value !== "string") return `${JSON.stringify(value)} is not a string`;
  if (name === "CapabilityBoundingSet" || name === "AmbientCapabilities") return capabilityFailure(value);
  const pattern = patterns[name];
  if (!pattern) return `is no directive that may be set; there are ${Object.keys(patterns).join(", ")}`;
  return pattern.test(value) ? undefined : `${JSON.stringify(value)} is not allowed`;
}

function capabilityFailure(value: string): string | undefined {
  const odd = value.split(" ").find((word) => word !== "" && !capabilities.includes(word));
  return odd === undefined ? undefined : `${JSON.stringify(odd)} is not allowed`;
}
