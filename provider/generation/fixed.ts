import { sha256 } from "../manifest/digest.ts";
import { compareText } from "../manifest/entries.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";

/**
 * A manifest with what every tree has: links of a merged /usr, places to mount on, device nodes, files that services bind
 * their own over, nsswitch.conf, the library cache. systemd makes missing mount points when a unit starts; they are made
 * beforehand, so that a tree is the same after the start as before. Completing twice changes nothing.
 */
export function completeManifest(manifest: Manifest): Manifest {
  const entries = new Map(manifest.entries.filter((entry) => entry.path !== "/").map((entry) => [entry.path, entry]));
  const offer = (entry: Entry) => {
    if (!entries.has(entry.path)) entries.set(entry.path, entry);
  };
  for (const [path, target] of Object.entries(mergedLinks)) {
    const used = [...entries.keys()].some((other) => other.startsWith(`${path}/`));
    if (!used) offer({ ...root(path), kind: "symlink", mode: "0777", target, why: ["fixed list: merged /usr"] });
  }
  for (const path of mountPoints) offer(directory(path, "0755", "fixed list: mount point"));
  for (const path of temporary) offer(directory(path, "1777", "fixed list: mount point"));
  for (const { path } of manifest.launch.writable) offer(directory(path, "0755", "the daemon writes here"));
  for (const [name, device] of Object.entries(nodes))
    offer({ ...root(`/dev/${name}`), kind: "device", mode: "0666", device, why: ["fixed list: device"] });
  for (const path of boundFiles) offer(madeFile(path, "", "the service binds its own over it"));
  offer(madeFile("/etc/nsswitch.conf", nsswitch, "fixed list: made, not copied"));
  // Taken out and put in again: what was traced is the build root's, with libraries that are not in the jail.
  entries.delete(cachePath);
  if ([...entries.keys()].some((path) => /\.so(\.|$)/.test(path)))
    entries.set(cachePath, { ...root(cachePath), kind: "file", mode: "0644", why: ["made from the tree's libraries"] });
  for (const path of [...entries.keys()])
    for (const parent of parentsOf(path)) offer(directory(parent, "0755", "holds other paths"));
  return { ...manifest, entries: [...entries.values()].sort((a, b) => compareText(a.path, b.path)) };
}

const mergedLinks: Readonly<Record<string, string>> = {
  "/bin": "usr/bin",
  "/lib": "usr/lib",
  "/lib64": "usr/lib64",
  "/sbin": "usr/sbin",
};

const mountPoints: readonly string[] = [
  ...["/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/usr", "/var"],
  ...["/usr/bin", "/usr/lib", "/usr/lib64", "/usr/sbin"],
  // systemd makes these in the tree itself, before it mounts a tmpfs on /run.
  ...["/run/credentials", "/run/systemd/incoming"],
];

const temporary: readonly string[] = ["/tmp", "/var/tmp"];

const nodes: Readonly<Record<string, string>> = {
  null: "c 1:3",
  zero: "c 1:5",
  full: "c 1:7",
  random: "c 1:8",
  urandom: "c 1:9",
};

/** A uid is drawn per service and host, so these are no part of a generation (api: Jail, "The digest is equal"). */
const boundFiles: readonly string[] = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"];

const cachePath = "/etc/ld.so.cache";

const nsswitch = `passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
`;

function directory(path: string, mode: string, why: string): Entry {
  return { ...root(path), kind: "directory", mode, why: [why] };
}

function madeFile(path: string, content: string, why: string): Entry {
  const size = Buffer.byteLength(content);
  return { ...root(path), kind: "file", mode: "0644", sha256: sha256(content), size, content, why: [why] };
}

function root(path: string): Pick<Entry, "path" | "owner" | "group"> {
  return { path, owner: "root", group: "root" };
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split("/").slice(1, -1);
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}
