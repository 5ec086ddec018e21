/**
 * What moves by itself on a host that is left alone, logged in to, or rebooted, and so is no part of its fingerprint. Each
 * path is left out with all below it.
 */
export const MOVES_BY_ITSELF: readonly string[] = [
  // The kernel's views.
  "/proc",
  "/sys",
  "/dev/pts",
  // Logs: each login and each unit's start is a line.
  "/run/log/journal",
  "/var/log/journal",
  "/var/log/wtmp",
  "/var/log/btmp",
  "/var/log/lastlog",
  "/run/utmp",
  // pam_motd(8) writes it at the first login.
  "/run/motd.dynamic",
  // Process numbers.
  "/run/sshd.pid",
  // systemd's notes about the current start of each unit: invocation ids, stream and session state.
  "/run/systemd/units",
  "/run/systemd/journal",
  "/run/systemd/sessions",
  "/run/systemd/users",
  // Mount points systemd makes at the first start of any sandboxed unit, and keeps.
  "/run/systemd/propagate",
  "/run/systemd/incoming",
  "/run/systemd/unit-root",
  "/run/systemd/dynamic-uid",
];

/** Directories that come with their first entry and stay empty: left out themselves, but what is in them counts. */
export const EMPTY_WHEN_DONE: readonly string[] = ["/run/systemd/transient", "/run/netns", "/run/credentials"];

/** `ip netns add` mounts this directory on itself at its first use and for good (ip-netns(8)); each namespace in it is a mount of its own. */
export const KEPT_BY_IP_NETNS = { mount: "/run/netns", unit: "run-netns.mount" } as const;

/** `PrivateTmp=` directories carry the boot and a random word in their names: written so that one left behind still shows. */
export function steadyPath(path: string): string {
  return path.replace(/\/systemd-private-[0-9a-f]{32}-(.+?)-[A-Za-z0-9]{6}(?=\/|$)/, "/systemd-private-BOOT-$1-RANDOM");
}

/**
 * Files of which a part is the date: shadow(5) notes the day on which an account's password was set, so that a host on
 * which the same account is made after midnight is no other host. The password itself counts.
 */
export const STEADY_TEXTS: ReadonlyMap<string, (text: string) => string> = new Map(
  ["/etc/shadow", "/etc/shadow-"].map((path) => [path, (text) => text.replace(/^([^:\n]*:[^:\n]*:)\d+/gm, "$1")]),
);
