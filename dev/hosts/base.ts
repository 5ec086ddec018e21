import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mortal, run } from "./command.ts";
import { baseDirectory } from "./layout.ts";
import { withLock } from "./lock.ts";
import type { Progress } from "./types.ts";

const SUITE = "bookworm";

/** A minimal host has neither strace nor Apache, HAProxy, Python or curl: the product must cope, so they stay out. */
const INCLUDE = [
  ...["systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "procps", "nftables", "sudo", "ca-certificates"],
] as const;

/** Raise it when dress() changes: the next boot then makes a new base from the same download. */
const DRESSING = 3;

/** What would change files by itself while a test compares fingerprints, or has no sense in a container. */
const MASKED = [
  ...[
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
  ],
  ...["fstrim.timer", "man-db.timer", "logrotate.timer", "systemd-tmpfiles-clean.timer"],
  ...["console-getty.service", "getty.target", "systemd-pstore.service"],
] as const;

/** Gives the tree that every host's root is copied from; makes it into the cache when it is not there (30 to 60 s, 280 MB). */
export async function ensureBase(progress: Progress): Promise<string> {
  const architecture = process.arch;
  const key = createHash("sha256")
    .update(JSON.stringify([SUITE, architecture, INCLUDE]))
    .digest("hex")
    .slice(0, 12);
  const pristine = join(baseDirectory(), `debootstrap-${key}`);
  const base = join(baseDirectory(), `base-${key}-${DRESSING}`);
  if (existsSync(base)) return base;
  mkdirSync(baseDirectory(), { recursive: true });
  await withLock(join(baseDirectory(), "lock"), async () => {
    if (!existsSync(pristine)) {
      await make(pristine, async (directory) => {
        progress(`making a ${SUITE} base tree with debootstrap (once, about a minute)`);
        // In namespaces of its own: killed, it leaves neither processes nor the mounts it makes in its target. No mirror is
        // named: debootstrap's default is right for everybody.
        const apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
        const words = ["--variant=minbase", `--include=${INCLUDE.join(",")}`, SUITE, directory];
        await run(mortal([...apart, "debootstrap", ...words]), { timeout: 900_000 });
      });
    }
    if (!existsSync(base)) {
      await make(base, async (directory) => {
        await run(mortal(["cp", "-a", "--reflink=auto", pristine, directory]));
        await dress(directory);
      });
    }
  });
  return base;
}

/** Makes a directory under another name and renames it when complete, so that a killed run leaves no half tree behind. */
async function make(directory: string, fill: (partial: string) => Promise<void>): Promise<void> {
  const partial = `${directory}.partial`;
  await run(["rm", "-rf", "--one-file-system", partial]);
  await fill(partial);
  renameSync(partial, directory);
}

async function dress(root: string): Promise<void> {
  for (const unit of MASKED) {
    rmSync(join(root, "etc/systemd/system", unit), { force: true });
    symlinkSync("/dev/null", join(root, "etc/systemd/system", unit));
  }
  // Every host has keys and an identity of its own.
  for (const kind of ["rsa", "ecdsa", "ed25519"]) {
    rmSync(join(root, `etc/ssh/ssh_host_${kind}_key`), { force: true });
    rmSync(join(root, `etc/ssh/ssh_host_${kind}_key.pub`), { force: true });
  }
  await run(["chroot", root, "/usr/sbin/useradd", "--create-home", "--shell", "/bin/bash", "ops"]);
  writeFileSync(join(root, "etc/sudoers.d/ops"), "ops ALL=(ALL:ALL) NOPASSWD: ALL\n", { mode: 0o440 });
}
