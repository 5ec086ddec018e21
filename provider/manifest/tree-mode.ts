import type { Entry } from "./manifest.ts";

/** Users and groups whose files the daemon may read: those of the launch, besides root. */
export interface TrustedNames {
  readonly users: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

/**
 * The mode on disk. A tree is owned by root throughout, as the service's uid is drawn later and differs by host; so what
 * the package opens to the daemon's own user or group (`/etc/tomcat10`, root:tomcat 0640) is opened to all. Nobody else
 * sees the tree: it lies below a directory of mode 0700. Nobody but root may write (law 6); a sticky directory stays one,
 * as it is only the place of a mount.
 */
export function treeMode(entry: Pick<Entry, "kind" | "mode" | "owner" | "group">, names: TrustedNames): string {
  if (entry.kind === "symlink") return "0777";
  const mode = Number.parseInt(entry.mode, 8);
  if (entry.kind === "device") return octal(mode & 0o777);
  if (entry.kind === "directory" && mode & 0o1000) return octal(mode & 0o1777);
  const byUser = names.users.has(entry.owner) ? (mode >> 6) & 5 : 0;
  const byGroup = names.groups.has(entry.group) ? (mode >> 3) & 5 : 0;
  return octal((mode & 0o755) | byUser | byGroup);
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}
