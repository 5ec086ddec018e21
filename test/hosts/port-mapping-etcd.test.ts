import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts } from "../../provider/host/pool.ts";
import { get } from "../support/http-get.ts";
import { startResponder } from "../support/http-responder.ts";
import { startLoad } from "../support/load.ts";
import { type EdgeSite, edgeSite, type State } from "./edge-site.ts";
import { shell, until } from "./ssh-site.ts";

const LEFT_ALONE = ["/var/lib/apt", "/var/cache", "/var/log"];
const WATCHER = "pulumi-jail-etcd-web.service";
const MEMBERS = [1, 2, 3];
const ENDPOINTS = MEMBERS.map((n) => `http://127.0.0.1:2${n}79`);

let site: TestHosts;
let edge: TestHost;
let mappings: EdgeSite;
let before: Fingerprint;
let state: State;

beforeAll(async () => {
  site = await bootHosts({ run: `etcd-${process.pid}`, hosts: ["edge"] });
  edge = site.host("edge");
  mappings = edgeSite(edge);
  await shell(
    edge,
    "ln -s /dev/null /etc/systemd/system/etcd.service; apt-get update -qq && apt-get install -y -qq etcd-server etcd-client >&2",
  );
  await Promise.all(MEMBERS.map(startMember));
  await until(async () => (await etcdctl("endpoint health 2>&1 || true")).split("is healthy").length === 4);
  for (const [index, name] of ["web1", "web2", "web3"].entries()) await startResponder(edge, 18081 + index, name);
  before = await edge.fingerprint([...LEFT_ALONE, "/var/tmp"]);
  state = await mappings.up(given());
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
});

function given(more: object = {}) {
  return {
    mappingName: "web",
    bindPort: 80,
    mode: "http",
    backends: [{ address: edge.address, hostPort: 18081, name: "start" }],
    backendsFrom: { etcd: { endpoints: ENDPOINTS, prefix: "/services/web/" } },
    drainSeconds: 5,
    ...more,
  };
}

/** Each with its data where it stays over a stop. */
async function startMember(n: number): Promise<void> {
  const cluster = MEMBERS.map((m) => `m${m}=http://127.0.0.1:2${m}80`).join(",");
  await shell(
    edge,
    `systemd-run --quiet --unit=member${n} /usr/bin/etcd --name m${n} --data-dir /var/tmp/m${n} --listen-client-urls http://127.0.0.1:2${n}79 --advertise-client-urls http://127.0.0.1:2${n}79 --listen-peer-urls http://127.0.0.1:2${n}80 --initial-advertise-peer-urls http://127.0.0.1:2${n}80 --initial-cluster ${cluster}`,
  );
}

function etcdctl(words: string): Promise<string> {
  return shell(edge, `ETCDCTL_API=3 etcdctl --endpoints=${ENDPOINTS.join(",")} ${words}`);
}

function put(key: string, port: number, options = ""): Promise<string> {
  const value = JSON.stringify({ address: edge.address, port, weight: 100 });
  return etcdctl(`put ${options} /services/web/${key} '${value}'`);
}

/** Who answers, of thirty requests. */
async function serving(): Promise<string> {
  const names = new Set<string>();
  for (let n = 0; n < 30; n++) names.add((await get(`http://${edge.address}/`)).text.split(" ")[0] ?? "");
  return [...names].sort().join(" ");
}

function becomes(names: string): Promise<void> {
  return until(async () => (await serving()) === names);
}

test("servers appear and vanish without a run, and none of it is drift", async () => {
  expect(await serving()).toBe("web1");
  const pid = await mappings.workerPid();
  await put("host2", 18082);
  await becomes("web1 web2");
  await put("host3", 18083);
  await becomes("web1 web2 web3");
  expect((await mappings.read(state))?.drift).toEqual([]);
  await etcdctl("del /services/web/host2");
  await becomes("web1 web3");
  await put("odd", 99999);
  await until(async () => (await shell(edge, `journalctl -u ${WATCHER} -o cat`)).includes("the key odd is no server"));
  expect(await mappings.workerPid()).toBe(pid);
});

test("a host that dies is gone when its lease ends, and a reload brings back what etcd has", async () => {
  const lease = /lease (\S+)/.exec(await etcdctl("lease grant 5"))?.[1];
  await shell(
    edge,
    `systemd-run --quiet --collect --unit=alive --setenv=ETCDCTL_API=3 etcdctl --endpoints=${ENDPOINTS[0]} lease keep-alive ${lease}`,
  );
  await put("host2", 18082, `--lease=${lease}`);
  await becomes("web1 web2 web3");
  state = await mappings.up(given({ balance: "roundrobin" }), state);
  expect(state.lastChange.by).toBe("reload");
  await becomes("web1 web2 web3");
  await shell(edge, "systemctl kill --signal=KILL alive");
  await becomes("web1 web3");
});

test("etcd away: no request fails, the last servers stay and it is said; back, the edge catches up", async () => {
  const load = startLoad(`http://${edge.address}/`, { keepAlive: 1, fresh: 1 });
  await shell(edge, "systemctl stop member1 member2 member3");
  const status = () => shell(edge, `cat /run/${WATCHER.replace(".service", "")}/status`);
  await until(async () => (await status()).startsWith("away "));
  mappings.warnings.length = 0;
  expect((await mappings.read(state))?.drift).toEqual([]);
  expect(mappings.warnings.join()).toMatch(
    /^mapping web: etcd has been away since .*: the last servers from it \(1\) stay$/,
  );
  expect(await serving()).toBe("web1 web3");
  await Promise.all(MEMBERS.map(startMember));
  await until(async () => (await status()).startsWith("ok "));
  await put("host2", 18082);
  await becomes("web1 web2 web3");
  expect((await load.stop()).failed).toBe(0);
});

test("a watcher that does not run is drift and mended; a removal leaves the edge as it was", async () => {
  await shell(edge, `systemctl stop ${WATCHER}`);
  expect((await mappings.read(state))?.drift).toEqual([
    `${WATCHER} does not run: changes in etcd do not reach the edge`,
  ]);
  state = await mappings.up(given({ balance: "roundrobin" }), state);
  expect((await mappings.read(state))?.drift).toEqual([]);
  await mappings.remove(state);
  expect(diffFingerprints(before, await edge.fingerprint([...LEFT_ALONE, "/var/tmp"]))).toEqual([]);
});
