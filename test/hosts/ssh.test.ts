import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts, hostFor } from "../../provider/host/pool.ts";
import { files } from "../../provider/host/questions/files.ts";
import { machine } from "../../provider/host/questions/machine.ts";
import { read } from "../../provider/host/questions/read.ts";
import { removeFile, writeFile } from "../../provider/host/steps/files.ts";
import { connectionTo, errorOf, followSshd, openHost, openSshSite, shell, slowStep, until } from "./ssh-site.ts";

let site: TestHosts;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pulumi-jail-"));
  site = await openSshSite("ssh", ["web1", "jump1", "jump2"]);
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
  rmSync(folder, { recursive: true, force: true });
});

test("30 parallel questions and plans use one connection, and a preview leaves no trace", async () => {
  const web1 = site.host("web1");
  const count = await followSshd(web1);
  const host = hostFor(connectionTo(web1));
  const traces = () => shell(web1, "ls -A /run /var/lib | grep pulumi || true");
  await Promise.all(Array.from({ length: 30 }, (_, index) => host.ask([read("/etc/hostname"), files([`/x${index}`])])));
  expect(await traces()).toBe("");
  await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      const path = `/var/tmp/test-${index}`;
      const wish = { path, mode: "0640", owner: "root", content: `${index}` };
      await host.apply({ lock: `jail/t${index}`, urn: "urn:test", steps: [writeFile(wish)] });
      const [facts] = await host.ask([files([path])]);
      expect(facts.get(path)).toMatchObject({ type: "file", mode: "0640", size: wish.content.length });
      await host.apply({ lock: `jail/t${index}`, urn: "urn:test", steps: [removeFile(path)] });
    }),
  );
  expect(await count(/^Connection from /)).toBe(1);
  expect(await count(/^Accepted (publickey|password) /)).toBe(1);
  await until(async () => (await traces()) === "");
});

test("with MaxSessions 2 and MaxStartups 2:50:4, 64 parallel operations succeed over one connection", async () => {
  const web1 = site.host("web1");
  await shell(
    web1,
    "printf 'MaxSessions 2\\nMaxStartups 2:50:4\\n' >>/etc/ssh/sshd_config.d/test.conf; systemctl reload ssh",
  );
  const count = await followSshd(web1);
  const { host, close } = openHost(connectionTo(web1));
  const wish = (index: number) => ({ path: `/var/tmp/test-${index}`, mode: "0600", owner: "root", content: "x" });
  await Promise.all(
    Array.from({ length: 64 }, async (_, index) => {
      const { path } = wish(index);
      await host.apply({ lock: `jail/t${index}`, urn: "urn:test", steps: [writeFile(wish(index)), removeFile(path)] });
    }),
  );
  close();
  expect(await count(/^Accepted (publickey|password) /)).toBe(1);
  await shell(web1, "sed -i '/^Max/d' /etc/ssh/sshd_config.d/test.conf; systemctl reload ssh");
});

test("a wrong host key is refused before any login is tried; the right one logs in", async () => {
  const [web1, jump1] = [site.host("web1"), site.host("jump1")];
  const count = await followSshd(web1);
  const wrong = openHost(connectionTo(web1, { hostKey: jump1.hostKey, password: "canary" }));
  const error = await errorOf(wrong.host.ask([machine()]));
  expect(error.kind).toBe("host-key");
  expect(error.message.match(/SHA256:[A-Za-z0-9+/]{43}/g)).toHaveLength(2);
  expect(await count(/^(Accepted|Failed|Postponed|Invalid user|.*Authenticat)/)).toBe(0);
  expect(await count(/^Connection from /)).toBe(1);
  const right = openHost(connectionTo(web1));
  await right.host.ask([machine()]);
  right.close();
  expect(await count(/^Accepted (publickey|password) /)).toBe(1);
});

test("a host key of another type than the pinned one is refused before any login is tried", async () => {
  const web1 = site.host("web1");
  const rsa = (
    await shell(web1, "ssh-keygen -q -t rsa -b 2048 -N '' -f /root/other && cut -d' ' -f1,2 /root/other.pub")
  ).trim();
  const count = await followSshd(web1);
  const error = await errorOf(openHost(connectionTo(web1, { hostKey: rsa })).host.ask([machine()]));
  expect(error.kind).toBe("host-key");
  expect(await count(/^(Accepted|Failed) /)).toBe(0);
});

test("a wrong user key is exactly one failed login, whatever asks for the host", async () => {
  const web1 = site.host("web1");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "stranger")]);
  const privateKey = readFileSync(join(folder, "stranger"), "utf8");
  const count = await followSshd(web1);
  const { host } = openHost(connectionTo(web1, { privateKey }));
  const errors = await Promise.all(Array.from({ length: 10 }, () => errorOf(host.ask([machine()]))));
  errors.push(await errorOf(host.ask([machine()])));
  expect(errors.map((error) => error.kind)).toEqual(Array.from({ length: 11 }, () => "authentication"));
  expect(errors[0]?.message).toContain("connection.privateKey");
  expect(await count(/^Failed /)).toBe(1);
  expect(await count(/^Connection from /)).toBe(1);
});

test("a password, a key with a passphrase and an agent each log in, and the agent is not forwarded", async () => {
  const web1 = site.host("web1");
  await web1.setPassword("ops", "correct horse");
  const ops = { user: "ops", sudo: true } as const;
  const locked = join(folder, "locked");
  writeFileSync(locked, web1.privateKey, { mode: 0o600 });
  execFileSync("ssh-keygen", ["-q", "-p", "-P", "", "-N", "some words", "-f", locked]);
  const socket = join(folder, "agent");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  try {
    await until(() => existsSync(socket));
    execFileSync("ssh-add", ["-q", web1.privateKeyPath], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: "pipe",
    });
    const ways = {
      password: { ...ops, privateKey: undefined, password: "correct horse" },
      passphrase: { privateKey: readFileSync(locked, "utf8"), privateKeyPassword: "some words" },
      agent: { privateKey: undefined, agentSocketPath: socket },
    };
    for (const way of Object.values(ways)) {
      const { host, close } = openHost(connectionTo(web1, way));
      const [{ hostname }] = await host.ask([machine()]);
      expect(hostname).toBe("web1");
      close();
    }
    const count = await followSshd(web1);
    const wrong = openHost(connectionTo(web1, { ...ways.passphrase, privateKeyPassword: "other words" }));
    expect((await errorOf(wrong.host.ask([machine()]))).kind).toBe("authentication");
    expect(await count(/^Failed /)).toBe(0);
    expect(await shell(web1, "ls /tmp/ssh-* 2>/dev/null | wc -l")).toBe("0\n");
  } finally {
    agent.kill();
  }
});

test("two jump hosts lead to a host, each pinned", async () => {
  const [web1, jump1, jump2] = [site.host("web1"), site.host("jump1"), site.host("jump2")];
  const chain = connectionTo(web1, { proxy: connectionTo(jump2, { proxy: connectionTo(jump1) }) });
  const count = await followSshd(web1);
  const host = hostFor(chain);
  const [{ hostname }] = await host.ask([machine()]);
  expect(hostname).toBe("web1");
  const size = 1_000_000;
  await host.apply({
    lock: "jail/x",
    urn: "urn:test",
    steps: [writeFile({ path: "/var/tmp/test-jump", mode: "0600", owner: "root", content: "x".repeat(size) })],
  });
  const [text] = await host.ask([read("/var/tmp/test-jump")]);
  expect(text?.length).toBe(size);
  expect(await count(new RegExp(`^Accepted .* from ${jump2.address.replaceAll(".", "\\.")} `))).toBe(1);
  closeHosts();

  const countJump2 = await followSshd(jump2);
  const wrong = hostFor({ ...chain, proxy: { ...chain.proxy!, hostKey: web1.hostKey } });
  const error = await errorOf(wrong.ask([machine()]));
  expect(error.kind).toBe("host-key");
  expect(error.message).toContain("jump2");
  expect(await countJump2(/^(Accepted|Failed) /)).toBe(0);
  closeHosts();
});

test("a user with sudo works as root does; one whose sudo asks is told within 5 s; one without sudo is told", async () => {
  const web1 = site.host("web1");
  const ops = openHost(connectionTo(web1, { user: "ops", sudo: true }));
  const wish = { path: "/root/test-ops", mode: "0600", owner: "root", content: "as root" };
  await ops.host.apply({ lock: "jail/x", urn: "urn:test", steps: [writeFile(wish)] });
  expect((await ops.host.ask([read("/root/test-ops")]))[0]).toBe("as root");
  ops.close();

  await shell(
    web1,
    "useradd -m -s /bin/bash asks && cp -r ~ops/.ssh ~asks/ && chown -R asks: ~asks && echo 'asks ALL=(ALL) ALL' >/etc/sudoers.d/asks && echo asks:secret | chpasswd",
  );
  const asks = openHost(connectionTo(web1, { user: "asks", sudo: true }));
  const begin = performance.now();
  const error = await errorOf(asks.host.ask([machine()]));
  expect(error.kind).toBe("command");
  expect(error.message).toContain("sudo -n");
  expect(performance.now() - begin).toBeLessThan(30_000);
  asks.close();

  const bare = openHost(connectionTo(web1, { user: "asks" }));
  expect((await errorOf(bare.host.ask([machine()]))).message).toContain("not root: set sudo");
  bare.close();
});

test("an sshd that offers only SHA-1 is refused before any login is tried", async () => {
  const web1 = site.host("web1");
  const start = (options: string) => shell(web1, `/usr/sbin/sshd -p 2222 -o PidFile=/run/test-sshd.pid ${options}`);
  const stop = () => shell(web1, "kill $(cat /run/test-sshd.pid)");
  const sha1 = "-o KexAlgorithms=diffie-hellman-group14-sha1";
  for (const [options, kind] of [
    [sha1, "host-key"],
    ["-o MACs=hmac-sha1 -o Ciphers=aes128-ctr", "host-key"],
    ["", undefined],
  ] as const) {
    await start(options);
    const count = await followSshd(web1);
    const { host, close } = openHost(connectionTo(web1, { port: 2222 }));
    const outcome = await host.ask([machine()]).then(
      () => undefined,
      (error: { kind: string }) => error.kind,
    );
    expect(outcome).toBe(kind);
    expect(await count(/^(Accepted (publickey|password)|Failed) /)).toBe(kind === undefined ? 1 : 0);
    close();
    await stop();
    await until(async () => (await shell(web1, "ss -Hltn '( sport = :2222 )'")) === "");
  }
});

test("an idle connection does not keep the process alive, a busy one does", async () => {
  const held = () => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
  const [web1, jump1] = [site.host("web1"), site.host("jump1")];
  const before = held();
  const { host, close } = openHost(connectionTo(web1, { proxy: connectionTo(jump1) }));
  await host.ask([machine()]);
  await until(() => held() === before);
  const slow = slowStep(1, "hold");
  await host.apply({ lock: "jail/x", urn: "urn:test", steps: slow.prepare });
  const applied = host.apply({ lock: "jail/x", urn: "urn:test", steps: [slow.step] });
  await until(() => held() > before);
  await applied;
  await until(() => held() === before);
  close();
});
