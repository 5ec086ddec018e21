import { afterAll, beforeAll, expect, test } from "vitest";
import type { TestHost, TestHosts } from "../../dev/hosts/index.ts";
import { files } from "../../provider/host/questions/files.ts";
import { removeFile, writeFile } from "../../provider/host/steps/files.ts";
import { daemonReload } from "../../provider/host/steps/units.ts";
import { type Cut, openCuttingProxy } from "./cutting-proxy.ts";
import { openSlowProxy } from "./slow-proxy.ts";
import { connectionTo, followSshd, openHost, openSshSite, shell, slowStep, until } from "./ssh-site.ts";

let site: TestHosts;
let web1: TestHost;

beforeAll(async () => {
  site = await openSshSite("ssh-cuts", ["web1"]);
  web1 = site.host("web1");
});
afterAll(async () => {
  await site?.destroy();
});

/** Applies a plan over a connection that is cut once; says what it carried until then. */
async function applyThrough(cut: Cut): Promise<{ up: number; down: number; connections: number }> {
  const proxy = await openCuttingProxy(web1.address, cut);
  const { host, close } = openHost(connectionTo(web1, { host: "127.0.0.1", port: proxy.port, dialErrorLimit: 5 }));
  const counted = slowStep(0, "cut");
  const content = "0123456789abcdef".repeat(2_000);
  const path = "/var/tmp/test-cut-file";
  try {
    await shell(web1, `rm -f ${path} /var/tmp/test-cut`);
    const [found] = await host.ask([files([path])]);
    expect(found.get(path)).toBeUndefined();
    await host.apply({
      lock: "jail/cut",
      urn: "urn:cut",
      steps: [counted.step, writeFile({ path, mode: "0600", owner: "root", content })],
    });
    expect(await shell(web1, counted.count)).toBe("1\n");
    expect(await shell(web1, `stat -c %s ${path}`)).toBe(`${content.length}\n`);
    return { ...proxy.carried, connections: proxy.connections() };
  } finally {
    close();
    proxy.close();
  }
}

test("a connection cut at any 4 KiB up or 512 bytes down has its plan done exactly once", async () => {
  const { host, close } = openHost(connectionTo(web1));
  await host.apply({
    lock: "jail/cut",
    urn: "urn:cut",
    steps: [...slowStep(0, "cut").prepare, daemonReload(), removeFile("/x")],
  });
  close();
  const whole = await applyThrough({ direction: "up", afterBytes: Number.POSITIVE_INFINITY });
  expect(whole.connections).toBe(1);
  const cuts: Cut[] = [];
  for (let afterBytes = 0; afterBytes < whole.up; afterBytes += 4096) cuts.push({ direction: "up", afterBytes });
  for (let afterBytes = 0; afterBytes < whole.down; afterBytes += 512) cuts.push({ direction: "down", afterBytes });
  let cutFor = 0;
  for (const cut of cuts) {
    const { connections } = await applyThrough(cut).catch((error: Error) => {
      throw new Error(`cut ${cut.direction} after ${cut.afterBytes} bytes: ${error.message}`);
    });
    if (connections > 1) cutFor++;
  }
  console.log(`${cuts.length} cuts, ${cutFor} of them made a second connection, 0 lost or doubled`);
  expect(cutFor).toBeGreaterThan(cuts.length / 2);
  await until(async () => (await shell(web1, "ls -A /run | grep pulumi-jail-request || true")) === "");
});

test("over a link of 2 s round trip and 10 kB/s a question and a plan finish, on one connection", async () => {
  const link = await openSlowProxy(web1.address, { latencyMs: 1_000, bytesPerSecond: 10_000 });
  const count = await followSshd(web1);
  const { host, close } = openHost(connectionTo(web1, { host: "127.0.0.1", port: link.port }));
  const path = "/var/tmp/test-slow-file";
  const content = "0123456789abcdef".repeat(20_000);
  try {
    await host.ask([files([path])]);
    await host.apply({
      lock: "jail/slow",
      urn: "urn:slow",
      steps: [writeFile({ path, mode: "0600", owner: "root", content })],
    });
    const [found] = await host.ask([files([path])]);
    expect(found.get(path)?.size).toBe(content.length);
    expect(await count(/^Accepted publickey /)).toBe(1);
  } finally {
    close();
    link.close();
  }
});
