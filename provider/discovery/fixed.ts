import type { Entry } from "../manifest/manifest.ts";

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

/** Directories that every tree has: systemd makes those which lack, and a tree must be the same after a start as before. */
export const fixedDirectories: readonly { readonly path: string; readonly mode: string }[] = [
  { path: "/", mode: "0755" },
  { path: "/dev", mode: "0755" },
  { path: "/etc", mode: "0755" },
  { path: "/home", mode: "0755" },
  { path: "/proc", mode: "0555" },
  { path: "/root", mode: "0700" },
  { path: "/run", mode: "0755" },
  { path: "/sys", mode: "0555" },
  { path: "/tmp", mode: "1777" },
  { path: "/usr", mode: "0755" },
  { path: "/var", mode: "0755" },
  { path: "/var/tmp", mode: "1777" },
];

/** Made, not copied: bound per service (empty here, as a mount point) or the same for each jail. */
export const fixedFiles: readonly {
  readonly path: string;
  readonly content: string;
  readonly mode: string;
  readonly why: string;
}[] = [
  ...["/etc/group", "/etc/hostname", "/etc/hosts", "/etc/passwd", "/etc/resolv.conf"].map((path) => ({
    path,
    content: "",
    mode: "0444",
    why: "mount point: made per service",
  })),
  {
    path: "/etc/nsswitch.conf",
    content: "passwd: files\ngroup: files\nhosts: files dns\n",
    mode: "0644",
    why: "fixed list: made, with files and dns only",
  },
];

/** The device nodes of every jail. */
export const fixedDevices: readonly Entry[] = [
  ["full", "c 1:7"],
  ["null", "c 1:3"],
  ["random", "c 1:8"],
  ["urandom", "c 1:9"],
  ["zero", "c 1:5"],
].map(([name, device]) => ({
  path: `/dev/${name}`,
  kind: "device" as const,
  mode: "0666",
  owner: "root",
  group: "root",
  device: device!,
  why: ["fixed list: device"],
}));
