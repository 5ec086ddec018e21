import { randomBytes } from "node:crypto";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { mortal, run } from "./command.ts";
import { hostPaths, runDirectory } from "./layout.ts";
import { gatewayOf } from "./subnet.ts";
import type { HostRecord, RunRecord } from "./types.ts";

/** Path of the private key that every host of the run lets in, as root and as `ops`. */
export function userKeyPath(runName: string): string {
  return join(runDirectory(runName), "id_ed25519");
}

/** Makes the run's key pair unless it is there. */
export async function ensureUserKey(runName: string): Promise<void> {
  const path = userKeyPath(runName);
  if (!existsSync(`${path}.pub`))
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", `pulumi-jail-${runName}`, "-f", path]);
}

/** The host's own public key, `ssh-ed25519 AAAA…`, without a comment. */
export function hostKeyOf(runName: string, host: string): string {
  const line = readFileSync(join(hostPaths(runName, host).root, "etc/ssh/ssh_host_ed25519_key.pub"), "utf8");
  return line.split(" ").slice(0, 2).join(" ").trim();
}

/** Whether the host's root is complete. */
export function hasRoot(record: RunRecord, host: HostRecord): boolean {
  return existsSync(hostPaths(record.run, host.name).root);
}

/** Copies the base to a root of the host's own and gives it a name, an identity, keys and a network, unless it is there. */
export async function ensureRoot(record: RunRecord, host: HostRecord, base: string): Promise<void> {
  const paths = hostPaths(record.run, host.name);
  if (hasRoot(record, host)) return;
  const partial = join(paths.directory, "root.partial");
  mkdirSync(paths.directory, { recursive: true });
  await run(["rm", "-rf", "--one-file-system", partial]);
  await run(mortal(["cp", "-a", "--reflink=auto", base, partial]));
  writeIdentity(partial, host);
  writeNetwork(partial, record, host);
  await writeKeys(partial, record);
  renameSync(partial, paths.root);
}

function writeIdentity(root: string, host: HostRecord): void {
  writeFileSync(join(root, "etc/hostname"), `${host.name}\n`);
  writeFileSync(
    join(root, "etc/hosts"),
    `127.0.0.1 localhost\n127.0.1.1 ${host.name}\n::1 localhost ip6-localhost ip6-loopback\n`,
  );
  writeFileSync(join(root, "etc/machine-id"), `${randomBytes(16).toString("hex")}\n`, { mode: 0o444 });
}

/** The host configures its own cable, so that it is back after a reboot from inside, as a real host's is. */
function writeNetwork(root: string, record: RunRecord, host: HostRecord): void {
  const units = join(root, "etc/systemd/system");
  writeFileSync(
    join(units, "host-network.service"),
    `[Unit]
Description=Network of this test host
DefaultDependencies=no
Before=network.target shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
# A new network namespace takes the machine's value, which is 1 for our own sake; a plain host does not forward.
ExecStart=/usr/sbin/sysctl --quiet --write net.ipv4.ip_forward=0
ExecStart=/usr/bin/ip address replace ${host.address}/24 dev host0
ExecStart=/usr/bin/ip link set host0 up
ExecStart=/usr/bin/ip route replace default via ${gatewayOf(record.subnet)}

[Install]
WantedBy=sysinit.target
`,
  );
  mkdirSync(join(units, "sysinit.target.wants"), { recursive: true });
  symlinkSync("../host-network.service", join(units, "sysinit.target.wants/host-network.service"));
  writeFileSync(
    join(root, "etc/resolv.conf"),
    nameServers()
      .map((address) => `nameserver ${address}\n`)
      .join(""),
  );
}

/** The machine's name servers that a host can reach: a stub on loopback (systemd-resolved's) is of no use there. */
export function nameServers(): string[] {
  for (const path of ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]) {
    if (!existsSync(path)) continue;
    const found = [...readFileSync(path, "utf8").matchAll(/^nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "");
    const reachable = found.filter((address) => !address.startsWith("127.") && address !== "::1");
    if (reachable.length > 0) return reachable;
  }
  return [];
}

async function writeKeys(root: string, record: RunRecord): Promise<void> {
  await run([
    "ssh-keygen",
    "-q",
    "-t",
    "ed25519",
    "-N",
    "",
    "-C",
    "",
    "-f",
    join(root, "etc/ssh/ssh_host_ed25519_key"),
  ]);
  const authorized = readFileSync(`${userKeyPath(record.run)}.pub`);
  for (const home of ["root", "home/ops"]) {
    const owner = statSync(join(root, home));
    const directory = join(root, home, ".ssh");
    const file = join(directory, "authorized_keys");
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o700);
    writeFileSync(file, authorized, { mode: 0o600 });
    for (const path of [directory, file]) chownSync(path, owner.uid, owner.gid);
  }
}
