import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, existsSync, statSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { run } from "../../dev/hosts/command.ts";
import {
  bootHosts,
  canBootHosts,
  diffFingerprints,
  type ExecResult,
  findHosts,
  installNeeds,
  sweepRuns,
  type TestHost,
  type TestHosts,
} from "../../dev/hosts/index.ts";
import { kernelSettings, machineState } from "./machine-state.ts";

const reason = await canBootHosts();
const RUN = `hosts-test-${process.pid}`;

describe.skipIf(reason !== undefined && process.env["CI"] !== "true")("test hosts", () => {
  let before: string[];
  let settingsBefore: string[] | undefined;
  let hosts: TestHosts;
  let a: TestHost;
  let b: TestHost;
  let directory: string;

  beforeAll(async () => {
    expect(reason).toBeUndefined();
    await installNeeds(() => {});
    await sweepRuns(() => {});
    directory = await mkdtemp(join(tmpdir(), "pj-hosts-"));
    before = await machineState([RUN]);
    settingsBefore = kernelSettings();
    hosts = await bootHosts({ run: RUN, hosts: ["a", { name: "b" }] });
    [a, b] = [hosts.host("a"), hosts.host("b")];
  });

  afterAll(async () => {
    await hosts?.destroy();
    await rm(directory, { recursive: true, force: true });
  });

  const ssh = (host: TestHost, user: string, command: string, options: SshOptions = {}): Promise<ExecResult> => {
    const known = join(directory, `known-${host.name}`);
    writeFileSync(known, `${host.address} ${options.hostKey ?? host.hostKey}\n`);
    const argv = ["-F", "/dev/null", "-o", "StrictHostKeyChecking=yes", "-o", `UserKnownHostsFile=${known}`];
    argv.push("-o", `ConnectTimeout=${options.timeout ?? 10}`, "-o", "HostKeyAlgorithms=ssh-ed25519");
    if (options.password === undefined) {
      argv.push("-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", host.privateKeyPath);
      return run(["ssh", ...argv, `${user}@${host.address}`, command], { reject: false, timeout: 30_000 });
    }
    const askpass = join(directory, "askpass");
    writeFileSync(askpass, `#!/bin/sh\necho '${options.password}'\n`);
    chmodSync(askpass, 0o700);
    argv.push("-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1");
    const environment = ["env", `SSH_ASKPASS=${askpass}`, "SSH_ASKPASS_REQUIRE=force"];
    return run([...environment, "ssh", ...argv, `${user}@${host.address}`, command], {
      reject: false,
      timeout: 30_000,
    });
  };

  it("let root in by the run's key, with the host's key known beforehand", async () => {
    expect(await ssh(a, "root", "id -u; hostname; systemctl is-system-running")).toMatchObject({
      exitCode: 0,
      stdout: "0\na\nrunning\n",
    });
    expect(a.privateKey).toContain("BEGIN OPENSSH PRIVATE KEY");
    expect((await ssh(a, "root", "true", { hostKey: b.hostKey })).stderr).toContain("Host key verification failed");
  });

  it("let a second user in, who becomes root by sudo without being asked", async () => {
    expect(await ssh(b, b.sudoUser, "id -un; sudo -n id -un")).toMatchObject({ exitCode: 0, stdout: "ops\nroot\n" });
  });

  it("take a password once it is set, and no other", async () => {
    await b.setPassword("ops", "one two");
    expect((await ssh(b, "ops", "id -un", { password: "one two" })).stdout).toBe("ops\n");
    expect((await ssh(b, "ops", "id -un", { password: "three" })).stderr).toContain("Permission denied");
  });

  it("run commands out of band, with input, exit code and both outputs", async () => {
    expect(await a.exec(["sh", "-c", "cat; echo oops >&2; exit 3"], { input: "in", reject: false })).toEqual({
      exitCode: 3,
      stdout: "in",
      stderr: "oops\n",
    });
    await expect(a.exec(["sh", "-c", "echo no >&2; exit 4"])).rejects.toThrow(/exit code 4\nno/);
  });

  it("are as bare as a minimal host and as a plain one: nothing extra installed, no forwarding", async () => {
    const found = await a.exec([
      "sh",
      "-c",
      "for p in strace curl python3 gcc apache2 haproxy perl bash; do command -v $p; done; sysctl -n net.ipv4.ip_forward",
    ]);
    expect(found.stdout).toBe("/usr/bin/perl\n/usr/bin/bash\n0\n");
  });

  it("reach one another and the package archive", async () => {
    const banner = await a.exec(["bash", "-c", `exec 3<>/dev/tcp/${b.address}/22; head -c 7 <&3`]);
    expect(banner.stdout).toBe("SSH-2.0");
    expect((await b.exec(["apt-get", "update", "-qq"], { reject: false })).exitCode).toBe(0);
  });

  it("are used as they are when the run is booted again, and made when they are new", async () => {
    const bootOf = async (host: TestHost) => (await host.exec(["cat", "/proc/sys/kernel/random/boot_id"])).stdout;
    const boot = await bootOf(a);
    const started = performance.now();
    const again = await bootHosts({ run: RUN, hosts: ["a", "b"] });
    expect(performance.now() - started).toBeLessThan(15_000);
    expect(await bootOf(again.host("a"))).toBe(boot);
    expect(findHosts(RUN)?.hosts.map((host) => host.address)).toEqual([a.address, b.address]);
    expect(() => again.host("c")).toThrow("has no host c, only a, b");
  });

  describe("the fingerprint", () => {
    it("is the same after a while, a login, a reboot and a power cut", async () => {
      const first = await a.fingerprint();
      expect(Object.keys(first.files).length).toBeGreaterThan(5_000);
      await ssh(a, "root", "true");
      await ssh(a, "ops", "sudo -n systemd-run --quiet --wait -p PrivateTmp=yes -p ProtectSystem=strict true");
      expect(diffFingerprints(first, await a.fingerprint())).toEqual([]);
      const started = performance.now();
      await a.reboot();
      expect(performance.now() - started).toBeLessThan(30_000);
      expect(diffFingerprints(first, await a.fingerprint())).toEqual([]);
      await a.kill();
      expect(await a.state()).toBe("stopped");
      await expect(a.exec(["true"])).rejects.toThrow("host a is not running");
      await a.start();
      expect(await a.state()).toBe("running");
      expect(diffFingerprints(first, await a.fingerprint())).toEqual([]);
    });

    it("sees every kind of change, by name, and none that was taken back", async () => {
      await b.exec(["sh", "-c", "echo one >/etc/planted; echo one >/etc/planted.x; ln -s one /etc/planted.link"]);
      const clean = await b.fingerprint();
      await b.exec(["sh", "-e"], { input: CHANGES });
      const found = diffFingerprints(clean, await b.fingerprint());
      expect(SEEN.filter((pattern) => !found.some((line) => pattern.test(line)))).toEqual([]);
      await b.exec(["sh", "-e"], { input: REVERT });
      expect(
        diffFingerprints(clean, await b.fingerprint(ACCOUNT_BACKUPS)).filter(
          (line) => !ACCOUNT_BACKUPS.some((path) => line.includes(path)),
        ),
      ).toEqual([]);
    });
  });

  it("stop in their tracks while paused, and go on", async () => {
    await b.pause();
    expect(await b.state()).toBe("paused");
    expect((await ssh(b, "root", "true", { timeout: 2 })).exitCode).toBe(255);
    await b.resume();
    expect((await ssh(b, "root", "true")).exitCode).toBe(0);
  });

  it("get no more of the processor than they are limited to, and all of it again afterwards", async () => {
    const work = "my ($u, $s) = times; while (1) { my ($v, $t) = times; last if $v + $t - $u - $s >= 0.2 }";
    const wallMs = async (): Promise<number> => {
      const start = performance.now();
      expect((await ssh(a, "root", `perl -e '${work}'`)).exitCode).toBe(0);
      return performance.now() - start;
    };
    a.limitProcessor(0.05);
    const limited = await wallMs();
    a.limitProcessor(undefined);
    // 0.2 s of processor time at 0.05 of a core.
    expect(limited).toBeGreaterThan(3_000);
    expect(await wallMs()).toBeLessThan(limited);
  });

  it("fall silent while partitioned: no answer, no refusal, and yet alive", async () => {
    await b.partition();
    expect(await b.state()).toBe("partitioned");
    // Longer than ARP takes to give up, some 3 s.
    expect((await ssh(b, "root", "true", { timeout: 5 })).stderr).toContain("timed out");
    expect(
      (await a.exec(["timeout", "2", "bash", "-c", `: </dev/tcp/${b.address}/22`], { reject: false })).exitCode,
    ).not.toBe(0);
    expect((await b.exec(["cat", "/sys/class/net/host0/carrier"])).stdout).toBe("1\n");
    await b.heal();
    expect((await ssh(b, "root", "true")).exitCode).toBe(0);
    expect(await b.state()).toBe("running");
  });

  it("of two runs at once share nothing, and one run's end leaves the other alone", async () => {
    const other = await bootHosts({ run: `${RUN}-2`, hosts: ["a"] });
    try {
      expect(other.subnet).not.toBe(hosts.subnet);
      expect((await ssh(other.host("a"), "root", "hostname")).stdout).toBe("a\n");
      expect((await ssh(other.host("a"), "root", "true", { hostKey: a.hostKey })).exitCode).toBe(255);
    } finally {
      await other.destroy();
    }
    expect((await ssh(a, "root", "true")).exitCode).toBe(0);
    expect(findHosts(`${RUN}-2`)).toBeUndefined();
  });

  it.each([
    { moment: "while it copies the roots", until: "booting host x", delay: 300 },
    { moment: "while it boots", until: "booting host x", delay: 1_600 },
    { moment: "when all is up", until: "booted", delay: 0 },
  ])("of a run killed $moment are cleared by a sweep", async ({ until, delay }) => {
    const name = `${RUN}-killed`;
    const clean = await machineState([name]);
    const child = await bootInChild(name, until);
    await sleep(delay);
    expect((await machineState([name])).length).toBeGreaterThan(clean.length);
    // An owner that lives is left alone.
    expect(await sweepRuns(() => {})).not.toContain(name);
    child.kill("SIGKILL");
    await new Promise((done) => child.once("close", done));
    await sweepRuns(() => {});
    expect(findHosts(name)).toBeUndefined();
    expect(await machineState([name])).toEqual(clean);
  });

  it("leave the machine as it was", async () => {
    const locks = hosts.hosts
      .map((host) => statSync(host.root))
      .map(({ dev, ino }) => `${NSPAWN_LOCKS}/inode-${dev}:${ino}`);
    expect(locks.filter((lock) => !existsSync(lock))).toEqual([]);
    await hosts.destroy();
    expect(await machineState([RUN])).toEqual(before);
    expect(locks.filter((lock) => existsSync(lock))).toEqual([]);
    // Where other runs came or went meanwhile, it is not ours to put back.
    const settings = kernelSettings();
    if (settingsBefore !== undefined && settings !== undefined) expect(settings).toEqual(settingsBefore);
    await hosts.destroy();
  });
});

interface SshOptions {
  readonly hostKey?: string;
  readonly password?: string;
  /** Seconds. */
  readonly timeout?: number;
}

const NSPAWN_LOCKS = "/run/systemd/nspawn/locks";

/** useradd(8) and userdel(8) keep the last version beside each file. */
const ACCOUNT_BACKUPS = [
  "/etc/passwd-",
  "/etc/group-",
  "/etc/shadow-",
  "/etc/gshadow-",
  "/etc/subuid-",
  "/etc/subgid-",
];

/** setxattr(2) by number: a minimal host has no setfattr. */
const SET_ATTRIBUTE = `perl -e 'my ($call, $path, $name, $value) = (shift eq "aarch64" ? 5 : 188, "/etc/planted.x", "user.x", "v");
exit !!syscall($call, $path, $name, $value, 1, 0)' "$(uname -m)"`;

const CHANGES = `
echo two >/etc/planted; chmod 600 /etc/motd; chown 0:5 /etc/issue; ln -sfn two /etc/planted.link; ${SET_ATTRIBUTE}
mkfifo /run/fifo; mkdir /mnt/m; mount -t tmpfs none /mnt/m; echo x >/mnt/m/inside
printf '[Service]\\nExecStart=/bin/sleep 1000\\n' >/run/systemd/system/planted.service
systemctl daemon-reload; systemctl start planted; systemctl stop systemd-logind
nft add table inet planted; useradd -M planted
ip netns add planted; ip link add v0 type veth peer name v1; ip route add 198.51.100.0/24 via 127.0.0.1 dev lo
sysctl -qw net.ipv4.conf.host0.forwarding=1
perl -e 'use Socket; socket(S, PF_INET, SOCK_STREAM, 0); bind(S, pack_sockaddr_in(8099, INADDR_ANY)); listen(S, 1); sleep 1000' >/dev/null 2>&1 </dev/null &
sleep 0.3
`;

const SEEN = [
  /^files: \/etc\/planted changed: sha256 /,
  /^files: \/etc\/motd changed: mode 0644 -> 0600$/,
  /^files: \/etc\/issue changed: owner 0:0 -> 0:5$/,
  /^files: \/etc\/planted\.link changed: target one -> two$/,
  /^files: \/etc\/planted\.x changed: xattrs \(none\) -> user\.x=76$/,
  /^files: \/run\/fifo is new \(type fifo/,
  /^files: \/mnt\/m\/inside is new/,
  /^files: \/run\/systemd\/system\/planted\.service is new/,
  /^mounts: \/mnt\/m is new \(tmpfs none/,
  /^mounts: \/run\/netns\/planted is new/,
  /^units: planted\.service is new \(file static, state loaded active running\)$/,
  /^units: systemd-logind\.service changed: state loaded active running -> \(none\)$/,
  /^processes: 0 \/bin\/sleep 1000 is new/,
  /^processes: 0 \/lib\/systemd\/systemd-logind is gone/,
  /^nftables: inet planted is new/,
  /^users: planted is new/,
  /^groups: planted is new/,
  /^namespaces: planted is new/,
  /^links: v0 is new \(kind veth/,
  /^routes: 198\.51\.100\.0\/24 via 127\.0\.0\.1 dev lo is new/,
  /^sysctls: ipv4\/conf\/host0\/forwarding changed: 0 -> 1$/,
  /^sockets: tcp LISTEN 0\.0\.0\.0:8099 .* is new/,
];

const REVERT = `
echo one >/etc/planted; chmod 644 /etc/motd; chown 0:0 /etc/issue; ln -sfn one /etc/planted.link
rm /etc/planted.x; echo one >/etc/planted.x; rm /run/fifo; umount /mnt/m; rmdir /mnt/m
systemctl stop planted; rm /run/systemd/system/planted.service; systemctl daemon-reload; systemctl start systemd-logind
nft delete table inet planted; userdel planted
ip netns delete planted; ip link delete v0; ip route delete 198.51.100.0/24
sysctl -qw net.ipv4.conf.host0.forwarding=0; pkill -f 8099; sleep 0.3
`;

async function bootInChild(name: string, until: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("./boot-and-wait.ts", import.meta.url));
  const child = spawn(process.execPath, [script, name, "x", "y"], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stderr.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes(until)) resolve();
    });
    child.once("close", () => reject(new Error(`the child ended before "${until}": ${output}`)));
  });
  return child;
}
