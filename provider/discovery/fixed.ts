/**
 * Libraries that glibc loads by name when it first needs them, which may be after any probe; without libgcc_s Apache's
 * children abort when a thread ends.
 */
export const fixedLibraries: readonly { readonly soname: string; readonly why: string }[] = [
  { soname: "libgcc_s.so.1", why: "fixed list: loaded when a thread is cancelled or ends" },
  { soname: "libnss_files.so.2", why: "fixed list: looks up users, groups and hosts" },
  { soname: "libnss_dns.so.2", why: "fixed list: looks up hosts" },
  { soname: "libresolv.so.2", why: "fixed list: looks up hosts" },
];

/** Time zone data: read at any time, on many hosts through a link. */
export const fixedPaths: readonly { readonly path: string; readonly why: string }[] = [
  { path: "/etc/localtime", why: "fixed list: the local time zone" },
  { path: "/usr/share/zoneinfo/UTC", why: "fixed list: a time zone that programs name" },
];

/** What systemd would make or look for when it starts a unit in the tree; links or directories as in the build root. */
export const topLevelPaths: readonly string[] = ["/bin", "/sbin", "/lib", "/lib64"];

/** The paths that the inventory is asked for besides those of the trace. */
export const fixedWords: readonly string[] = [
  ...fixedLibraries.map(({ soname }) => `soname:${soname}`),
  ...fixedPaths.map(({ path }) => `path:${path}`),
  ...topLevelPaths.map((path) => `path:${path}`),
];

/** Made for each jail or bound in per service (provider/generation/fixed.ts), never copied from a build root. */
export const madePaths: ReadonlySet<string> = new Set([
  "/etc/group",
  "/etc/hostname",
  "/etc/hosts",
  "/etc/ld.so.cache",
  "/etc/nsswitch.conf",
  "/etc/passwd",
  "/etc/resolv.conf",
]);
