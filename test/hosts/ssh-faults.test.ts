// Above 250 lines: all of it is one host and what can go wrong on the way to it.
import { spawn } from "node:child_process";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestHost, TestHosts } from "../../dev/hosts/index.ts";
import { StepFailed } from "../../provider/host/errors.ts";
import type { Host } from "../../provider/host/host.ts";
import { files } from "../../provider/host/questions/files.ts";
import { machine } from "../../provider/host/questions/machine.ts";
import { read } from "../../provider/host/questions/read.ts";
import { remoteCommand, renderApply } from "../../provider/host/request.ts";
import type { Plan, Step } from "../../provider/host/step.ts";
import {
  expectFile,
  makeDirectory,
  removeDirectory,
  removeFile,
  removeTree,
  sweepState,
  writeFile,
} from "../../provider/host/steps/files.ts";
import { daemonReload, startUnit, stopUnit } from "../../provider/host/steps/units.ts";
import { probeStep } from "../../provider/jailed-service/steps.ts";
import { connectionTo, cutConnections, errorOf, openHost, openSshSite, shell, slowStep, until } from "./ssh-site.ts";

let site: TestHosts;
let web1: TestHost;
let opened: { close(): void }[] = [];

beforeAll(async () => {
  site = await openSshSite("ssh-faults", ["web1"]);
  web1 = site.host("web1");
});
afterAll(async () => {
  await site?.destroy();
});
beforeEach(() => {
  for (const one of opened) one.close();
  opened = [];
});

function open(...args: Parameters<typeof openHost>) {
  const one = openHost(...args);
  opened.push(one);
  return one.host;
}

const plan = (steps: readonly Step[], other: Partial<Plan> = {}): Plan => ({
  lock: "jail/web",
  urn: "urn:one",
  steps,
  ...other,
});
const state = "/var/lib/pulumi-jail";
const ours = (path: string) => makeDirectory({ path, mode: "0700", owner: "root:root" });

test("an apply whose connection is cut learns the outcome, and its effect is there exactly once", async () => {
  const host = open(connectionTo(web1));
  const slow = slowStep(3);
  await host.apply(plan(slow.prepare));
  const seen: string[] = [];
  const applied = host.apply(
    plan([slow.step, writeFile({ path: "/var/tmp/test-after", mode: "0600", owner: "root", content: "after" })]),
    (text) => seen.push(text),
  );
  await until(() => seen.includes(slow.step.describe));
  await cutConnections(web1);
  await expect(applied).resolves.toEqual({ outputs: ["", ""] });
  expect(await shell(web1, slow.count)).toBe("1\n");
  expect(await shell(web1, "cat /var/tmp/test-after")).toBe("after");
});

test("a failure whose connection was cut is told as if it had not been", async () => {
  const host = open(connectionTo(web1));
  const unit = "/run/systemd/system/test-bad.service";
  const content = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep 2; echo the reason; exit 7'\n";
  await host.apply(plan([writeFile({ path: unit, mode: "0644", owner: "root", content }), daemonReload()]));
  const failed = errorOf(host.apply(plan([removeFile("/var/tmp/none"), startUnit("test-bad.service")])));
  await until(async () => (await shell(web1, "systemctl show -p ActiveState test-bad.service")).includes("activating"));
  await cutConnections(web1);
  const error = await failed;
  expect(error).toBeInstanceOf(StepFailed);
  expect(error).toMatchObject({ kind: "step", stepIndex: 1, exitCode: 1 });
  expect((error as StepFailed).output).toContain("the reason");
  expect(error.stderr).toContain("Result=exit-code");
});

test("a plan cut again and again in its input runs nothing of it until it is whole", async () => {
  const host = open(connectionTo(web1));
  await host.ask([machine()]);
  const content = "x".repeat(30_000_000);
  const steps = [
    removeFile("/var/tmp/test-big"),
    writeFile({ path: "/var/tmp/test-big", mode: "0600", owner: "root", content }),
  ];
  const applied = host.apply(plan(steps));
  await until(async () => (await shell(web1, "ls -d /run/pulumi-jail-request.* 2>/dev/null | wc -l")) !== "0\n");
  await cutConnections(web1);
  await applied;
  expect(await shell(web1, "stat -c %s /var/tmp/test-big")).toBe("30000000\n");
  await until(async () => (await shell(web1, "ls -d /run/pulumi-jail* 2>/dev/null | wc -l")) === "0\n");
});

test("a question cut off is asked again", async () => {
  const host = open(connectionTo(web1));
  await shell(web1, "head -c 200000000 /dev/zero >/var/tmp/test-large");
  const asked = host.ask([files(["/var/tmp/test-large"])]);
  await until(async () => (await shell(web1, "pgrep sha256sum || true")) !== "");
  await cutConnections(web1);
  const [facts] = await asked;
  expect(facts.get("/var/tmp/test-large")?.size).toBe(200_000_000);
  await shell(web1, "rm /var/tmp/test-large");
});

test("10 MB of answer arrive", async () => {
  const host = open(connectionTo(web1));
  await shell(web1, "head -c 7500000 /dev/urandom | base64 -w0 >/var/tmp/test-text");
  const [text] = await host.ask([read("/var/tmp/test-text")]);
  expect(text?.length).toBe(10_000_000);
});

test("a half-open connection is an error within 35 s which names host and step", async () => {
  const host = open(connectionTo(web1));
  const slow = slowStep(60, "half-open");
  await host.apply(plan(slow.prepare));
  let running = false;
  const failed = errorOf(
    host.apply(plan([slow.step], { lock: "jail/half-open" }), () => {
      running = true;
    }),
  );
  await until(() => running);
  await web1.partition();
  const begin = performance.now();
  const error = await failed;
  const seconds = (performance.now() - begin) / 1000;
  await web1.heal();
  expect(error.kind).toBe("lost");
  expect(error.message).toContain("web1");
  expect(error.message).toContain(slow.step.describe);
  expect(seconds).toBeLessThan(35);
  await shell(web1, "systemctl stop test-half-open.service");
  // Its record is swept when its owner comes back, once what ran has ended: it still waits for someone to tell it to.
  await until(
    async () => (await shell(web1, "flock -n /run/pulumi-jail/operations/*/guard echo free || true")) === "free\n",
  );
  const records = () => shell(web1, "ls /run/pulumi-jail/operations 2>/dev/null | wc -l");
  expect(await records()).toBe("1\n");
  await open(connectionTo(web1)).apply(plan([removeFile("/var/tmp/none")]));
  await until(async () => (await records()) === "0\n");
});

test("a lock that is held makes a plan wait, and one that stays held is named with its holder", async () => {
  const [one, two] = [open(connectionTo(web1)), open(connectionTo(web1))];
  const slow = slowStep(4, "lock");
  await one.apply(plan(slow.prepare));
  let held = false;
  const first = one.apply(plan([slow.step]), () => {
    held = true;
  });
  await until(() => held);
  const error = await errorOf(two.apply(plan([removeFile("/var/tmp/none")], { urn: "urn:two", deadlineSeconds: 1 })));
  expect(error.kind).toBe("locked");
  expect(error.message).toMatch(/"jail\/web" is locked by urn:one, for [0-9]+ s/);
  const texts: string[] = [];
  await two.apply(plan([removeFile("/var/tmp/none")], { urn: "urn:two" }), (text) => texts.push(text));
  expect(texts[0]).toContain("waiting for the lock, held by urn:one");
  await first;
  await two.apply(plan([removeFile("/var/tmp/none")], { lock: "jail/other" }));
});

test("a plan whose owner was killed while it waited for the lock does not run", async () => {
  const one = open(connectionTo(web1));
  const slow = slowStep(3, "gone");
  await one.apply(plan(slow.prepare));
  const wish = { path: "/var/tmp/test-gone-wrote", mode: "0600", owner: "root", content: "x" };
  const request = renderApply("0123456789abcdef", { id: "of-the-killed" }, plan([writeFile(wish)]));
  let held = false;
  const first = one.apply(plan([slow.step]), () => {
    held = true;
  });
  await until(() => held);
  const options = ["-i", web1.privateKeyPath, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"];
  const client = spawn("ssh", [...options, `root@${web1.address}`, remoteCommand], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  let told = "";
  client.stdout.on("data", (chunk: Buffer) => {
    told += chunk.toString();
  });
  client.stdin.write(request);
  await until(() => told.includes("waiting"));
  client.kill("SIGKILL");
  await first;
  await one.apply(plan([removeFile("/var/tmp/none")]));
  expect(await shell(web1, `cat ${wish.path} 2>/dev/null || echo absent`)).toBe("absent\n");
  expect(await shell(web1, "ls -A /run /run/pulumi-jail/operations | grep -e request -e killed || true")).toBe("");
});

test("a plan that takes longer than its deadline is ended on the host, and what it ran with it", async () => {
  const host = open(connectionTo(web1));
  const slow = slowStep(40, "late");
  await host.apply(plan(slow.prepare));
  const begin = performance.now();
  const error = await errorOf(host.apply(plan([slow.step], { deadlineSeconds: 2 })));
  expect(error).toMatchObject({ kind: "timeout", stepIndex: 0 });
  expect(performance.now() - begin).toBeLessThan(30_000);
  await shell(web1, "systemctl stop test-late.service");
  await host.apply(plan([removeFile("/var/tmp/none")]));
});

test("a full disk and a read-only one are told as such, the old file stays and no temporary one", async () => {
  const host = open(connectionTo(web1));
  await shell(web1, `mkdir -p ${state} && mount -t tmpfs -o size=64k tmpfs ${state}`);
  try {
    const file = { path: `${state}/ports`, mode: "0600", owner: "root", content: "old" };
    await host.apply(plan([writeFile(file)]));
    const full = await errorOf(host.apply(plan([writeFile({ ...file, content: "x".repeat(200_000) })])));
    expect(full).toMatchObject({ kind: "disk-full", stepIndex: 0 });
    await shell(web1, `mount -o remount,ro ${state}`);
    const readOnly = await errorOf(host.apply(plan([writeFile({ ...file, content: "new" })])));
    expect(readOnly).toMatchObject({ kind: "read-only", stepIndex: 0 });
    expect(await errorOf(host.apply(plan([ours(`${state}/jails/x`)])))).toMatchObject({ kind: "read-only" });
    expect(await shell(web1, `cat ${state}/ports; ls -A ${state}`)).toBe("oldports\n");
  } finally {
    await shell(web1, `umount ${state}; rmdir ${state}`);
  }
});

test("services that start at once on a fresh host ask together what it enforces", async () => {
  const hosts = Array.from({ length: 8 }, () => open(connectionTo(web1)));
  await shell(web1, "rm -f /run/pulumi-jail/not-enforced");
  await Promise.all(hosts.map((host, index) => host.apply(plan([probeStep], { lock: `service/probe-${index}` }))));
  expect(await shell(web1, "ls /run/pulumi-jail/not-enforced*")).toBe("/run/pulumi-jail/not-enforced\n");
  await shell(web1, "rm /run/pulumi-jail/not-enforced");
});

test("plans that sweep what is empty and plans that fill it just then do not disturb each other", async () => {
  const hosts = Array.from({ length: 8 }, () => open(connectionTo(web1)));
  const rounds = async (host: Host, index: number) => {
    const own = `${state}/jails/sweep-${index}`;
    for (let round = 0; round < 15; round++) {
      const steps = [ours(own), removeDirectory(own), sweepState()];
      await host.apply(plan(steps, { lock: `jail/sweep-${index}`, urn: `urn:${index}` }));
    }
  };
  await Promise.all(hosts.map(rounds));
  expect(await shell(web1, `ls -d ${state} 2>/dev/null || true`)).toBe("");
});

test("a tree is removed without following links, and not while anything is mounted in it", async () => {
  const host = open(connectionTo(web1));
  const tree = `${state}/jails/x`;
  await host.apply(plan([ours(tree), ours(`${tree}/inside`)]));
  await shell(
    web1,
    `mkdir /root/data; echo precious >/root/data/file; ln -s /root/data ${tree}/link; mount --bind /root/data ${tree}/inside`,
  );
  const error = await errorOf(host.apply(plan([removeTree(tree)])));
  expect(error).toMatchObject({ kind: "foreign" });
  expect(error.stderr).toContain(`${tree}/inside is a mount`);
  await shell(web1, `umount ${tree}/inside`);
  await host.apply(plan([removeTree(tree), sweepState()]));
  expect(await shell(web1, `cat /root/data/file; ls -d ${state} 2>/dev/null || true`)).toBe("precious\n");
  for (const path of ["/root/data", state, `${state}/../x`]) {
    expect((await errorOf(host.apply(plan([removeTree(path)])))).kind).toMatch(/^(step|foreign)$/);
  }
  await shell(web1, `mkdir -p ${state}/jails && ln -s /root ${state}/jails/evil`);
  expect(await errorOf(host.apply(plan([removeTree(`${state}/jails/evil/data`)])))).toMatchObject({ kind: "foreign" });
  expect(await shell(web1, `cat /root/data/file; rm -r ${state}`)).toBe("precious\n");
});

test("what was observed must still hold under the lock", async () => {
  const host = open(connectionTo(web1));
  const path = "/var/tmp/test-owner";
  const write = writeFile({ path, mode: "0600", owner: "root", content: "one" });
  await host.apply(plan([expectFile(path, undefined), write]));
  expect(await errorOf(host.apply(plan([expectFile(path, undefined), write])))).toMatchObject({
    kind: "foreign",
    stepIndex: 0,
  });
  const [facts] = await host.ask([files([path])]);
  await host.apply(plan([expectFile(path, facts.get(path)?.sha256), removeFile(path), expectFile(path, undefined)]));
});

test("only what is not there is absent; what can't be looked at is an error, for its question alone", async () => {
  const host = open(connectionTo(web1));
  await shell(
    web1,
    "ln -sf loop /var/tmp/test-loop && ln -sf /var/tmp/test-loop /var/tmp/loop && ln -sf loop /var/tmp/loop",
  );
  const [loop, hostname] = await Promise.allSettled([
    host.ask([files(["/var/tmp/loop/x"])]),
    host.ask([read("/etc/hostname")]),
  ]);
  expect(loop).toMatchObject({ status: "rejected", reason: { kind: "command" } });
  expect(hostname).toMatchObject({ status: "fulfilled", value: ["web1\n"] });
  const [absent] = await host.ask([files(["/var/tmp/none/x", "/etc/hostname/x"])]);
  expect([...absent.values()]).toEqual([undefined, undefined]);
});

test("login shells bash, dash, fish, tcsh and zsh with noise in their rc files and an odd locale work", async () => {
  await shell(
    web1,
    "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends fish tcsh zsh",
  );
  const rc = {
    bash: [
      "/bin/bash",
      ".bashrc",
      "echo noise from bash; echo no >&2; printf 'no line end'; alias cat=false; export LC_ALL=tr_TR.UTF-8",
    ],
    dash: ["/bin/dash", ".profile", "echo noise"],
    fish: [
      "/usr/bin/fish",
      ".config/fish/config.fish",
      "echo noise from fish; set -x LC_ALL tr_TR.UTF-8; printf 'no line end'",
    ],
    tcsh: ["/bin/tcsh", ".cshrc", 'echo "noise from tcsh"; setenv LC_ALL tr_TR.UTF-8'],
    zsh: ["/bin/zsh", ".zshenv", "echo noise from zsh; print -n 'no line end'; export LC_ALL=tr_TR.UTF-8"],
  };
  for (const [name, [path, file, noise]] of Object.entries(rc)) {
    const user = `user-${name}`;
    await shell(
      web1,
      `useradd -m -s ${path} ${user} && cp -r ~ops/.ssh ~${user}/ && echo '${user} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/${user}`,
    );
    await web1.exec(
      [
        "sh",
        "-c",
        `f=/home/${user}/${file}; mkdir -p "$(dirname "$f")" && cat >"$f" && chown -R ${user}: /home/${user}`,
      ],
      { input: noise! },
    );
    const host = open(connectionTo(web1, { user, sudo: true }));
    const content = "a 'b' \"c\" $(id) `id` \\ ! * \u00fc\n\nend";
    const wish = { path: `/root/it's "$(id)" \`x\` ! ${name}`, mode: "0600", owner: "root", content };
    await host.apply(plan([writeFile(wish)], { urn: `urn:${name}'$(id)!` }));
    expect(await host.ask([read(wish.path)]), name).toEqual([content]);
    await host.apply(plan([removeFile(wish.path)]));
  }
});

test("a host that reboots in the middle is never taken for done", async () => {
  const host = open(connectionTo(web1));
  const slow = slowStep(60, "reboot");
  await host.apply(plan(slow.prepare));
  let running = false;
  const failed = errorOf(
    host.apply(plan([slow.step]), () => {
      running = true;
    }),
  );
  await until(() => running);
  await web1.kill();
  await web1.start();
  expect(await failed).toMatchObject({ kind: "lost" });
  expect((await host.ask([files(["/run/pulumi-jail"])]))[0].get("/run/pulumi-jail")).toBeUndefined();
});

test("a unit that is gone is stopped without complaint, and a stop can be repeated", async () => {
  const host = open(connectionTo(web1));
  await host.apply(plan([stopUnit("test-none.service"), stopUnit("test-none.service")]));
});
