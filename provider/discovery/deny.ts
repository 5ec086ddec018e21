import type { Fact } from "./inventory.ts";

/**
 * Why a path stays out of a jail although the trace touched it, or undefined. Paths that `include` or `files` name are
 * never asked about, nor is the daemon's own program (or its interpreter): that is the service.
 */
export function denyReason(path: string, fact: Fact | undefined): string | undefined {
  const place = places.find(([pattern]) => pattern.test(path))?.[1];
  if (place !== undefined) return place;
  if (fact?.type !== "file") return undefined;
  if (path.startsWith("/var/log/")) return "is a log";
  if (fact.key) return "holds a private key";
  if (Number.parseInt(fact.mode, 8) & 0o6000) return "is a setuid or setgid program";
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (!programDirectory.test(path)) return undefined;
  if (shells.test(name)) return "is a shell";
  if (interpreters.test(name)) return "is an interpreter";
  if (packageTools.test(name)) return PACKAGE_MANAGER;
  return undefined;
}

/**
 * Whether a repair may bring in a path that was kept out, when the service does not run without it: programs may, the
 * host's own keys, accounts, identity and homes never do without an `include`. Setid bits are dropped in any case.
 */
export function mayCarry(denied: { readonly why: string }): boolean {
  return carried.has(denied.why);
}

/** A program that runs others' text: declared in the manifest when it is in a jail. */
export function isInterpreter(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return programDirectory.test(path) && (shells.test(name) || interpreters.test(name));
}

const carried: ReadonlySet<string> = new Set(["is a shell", "is an interpreter", "is a setuid or setgid program"]);

/** Why a path stays out even of a whole system: it is of no use in a jail, or would tell of the host. */
export function denyReasonOfFull(path: string, fact: Fact | undefined): string | undefined {
  if (/^\/var\/(cache\/(apt|debconf|ldconfig)|lib\/apt\/lists)\/|\/\.pulumi-jail/.test(path)) return "is a cache";
  if (/^\/(boot|(usr\/)?lib\/modules|vmlinuz|initrd)/.test(path)) return "belongs to the kernel";
  // The tracer, which no one asked for.
  if (fact?.package === "strace") return "is the tracer";
  const place = places.find(([pattern]) => pattern.test(path))?.[1];
  if (place !== undefined && place !== PACKAGE_MANAGER) return place;
  if (fact?.type !== "file") return undefined;
  if (path.startsWith("/var/log/")) return "is a log";
  return fact.key ? "holds a private key" : undefined;
}

const PACKAGE_MANAGER = "belongs to the package manager";

const places: readonly (readonly [RegExp, string])[] = [
  [/^\/root\/|^\/home\//, "lies in a home directory"],
  [/^\/etc\/ssh\/ssh_host_|^\/etc\/ssl\/private(\/|$)/, "is a place of private keys"],
  [/^\/etc\/(apt|dpkg)(\/|$)|^\/var\/(lib|cache)\/(apt|dpkg)(\/|$)/, PACKAGE_MANAGER],
  [/^\/etc\/(machine-id|fstab|mtab|adjtime|krb5\.keytab)$|^\/var\/lib\/dbus\/machine-id$/, "is this host's identity"],
  [/^\/etc\/(shadow|gshadow|subuid|subgid|sudoers|security\/opasswd)(-|\.d|\/|$)/, "holds the host's accounts"],
  [/^\/(boot|lost\+found)(\/|$)|^\/var\/lib\/pulumi-jail(\/|$)/, "belongs to the host"],
];

const programDirectory = /^\/(usr\/(local\/)?)?s?bin\/|^\/usr\/lib(exec)?\//;
const shells = /^(sh|r?bash|dash|ash|ksh\d*|mksh|zsh\d*|t?csh|fish|busybox|static-sh|yash|posh)$/;
const interpreters = /^(perl|python|ruby|lua|tclsh|php|node|nodejs|guile|gawk|mawk|nawk|awk|expect)[\d.]*(-\w+)?$/;
const packageTools = /^(apt|apt-[a-z-]+|dpkg|dpkg-[a-z-]+|debconf[a-z-]*|rpm|snap)$/;
