import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts } from "../../provider/host/pool.ts";
import { get } from "../support/http-get.ts";
import { startResponder } from "../support/http-responder.ts";
import { type Outage, watchOutages } from "../support/outage.ts";
import { type EdgeSite, edgeSite, type State } from "./edge-site.ts";
import { errorOf, shell, until } from "./ssh-site.ts";

const LEFT_ALONE = ["/var/lib/apt", "/var/cache", "/var/log"];
/** What the issue allows. */
const MOST_MS = 3000;

let site: TestHosts;
let edges: TestHost[];
let mappings: EdgeSite[];
let states: State[];
let before: Fingerprint;
let address: string;

beforeAll(async () => {
  site = await bootHosts({ run: `two-edges-${process.pid}`, hosts: ["one", "two"] });
  edges = [site.host("one"), site.host("two")];
  mappings = edges.map(edgeSite);
  address = edges[0]!.address.replace(/\.\d+$/, ".100");
  before = await edges[1]!.fingerprint(LEFT_ALONE);
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
});

describe("two edges with one virtual address", () => {
  test("have it once, at the one that is preferred", async () => {
    states = await Promise.all(edges.map((_, index) => mappings[index]!.up(web(index))));
    for (const edge of edges) await startResponder(edge, 18080, edge.name);
    await until(async () => (await get(`http://${address}/`)).text.startsWith("one"));
    await settled("one");
    expect(states[0]!.url).toBe(`http://${address}/`);
    expect((await mappings[0]!.read(states[0]!))!.drift).toEqual([]);
    expect((await mappings[1]!.read(states[1]!))!.drift).toEqual([]);
    const capabilities = await shell(
      edges[0]!,
      "for p in $(pgrep keepalived); do awk '/^(CapEff|Uid|NoNewPrivs):/ { print $2 }' /proc/$p/status; stat -c root:%d:%i /proc/$p/root/.; done; stat -c tree:%d:%i /var/lib/pulumi-jail/edge/keepalived/generations/????????????????/.",
    );
    expect(capabilities).toMatch(/0000000000003000/);
    expect(capabilities.split("\n")).not.toContain("0");
    const roots = [...capabilities.matchAll(/^(?:root|tree):(.*)$/gm)].map(([, root]) => root);
    expect(roots.length).toBeGreaterThanOrEqual(3);
    expect(new Set(roots).size).toBe(1);
  });

  test("serve again within 3 seconds of a power cut, and have it once after the return", async () => {
    await fails("the edge is killed", () => edges[0]!.kill());
    expect(await holders()).toEqual(["two"]);
    await edges[0]!.start();
    await shell(edges[0]!, "systemctl reset-failed 'responder*' 2>/dev/null || true");
    await startResponder(edges[0]!, 18080, "one");
    await settled("one");
  });

  test("serve again within 3 seconds when the proxy is killed and not started again, or hangs", async () => {
    const dropIn = "/run/systemd/system/pulumi-jail-edge.service.d";
    await shell(
      edges[0]!,
      `mkdir -p ${dropIn}; printf '[Service]\\nRestart=no\\n' >${dropIn}/stay.conf; systemctl daemon-reload`,
    );
    await fails("the proxy is killed", () => shell(edges[0]!, "systemctl kill -s KILL pulumi-jail-edge.service"));
    await settled("two");
    await shell(edges[0]!, `rm -r ${dropIn}; systemctl daemon-reload; systemctl start pulumi-jail-edge.service`);
    await settled("one");
    await fails("the proxy hangs", () => shell(edges[0]!, "pkill -STOP -x haproxy"));
    await shell(edges[0]!, "pkill -CONT -x haproxy");
    await settled("one");
  });

  test("are seen to have it twice when both are forced to (control)", async () => {
    await shell(edges[1]!, `ip address add ${address}/24 dev host0`);
    expect(await holders()).toEqual(["one", "two"]);
    await shell(edges[1]!, `ip address del ${address}/24 dev host0`);
  });

  test("refuse an address that cannot be, and say what is not as declared", async () => {
    const odd = { ...web(0), mappingName: "odd", bindPort: 81 };
    const elsewhere = await errorOf(
      mappings[0]!.up({ ...odd, virtualAddress: { ...web(0).virtualAddress, interface: "eth7" } }),
    );
    expect(elsewhere.message).toMatch(/this edge has no interface eth7; it has .*host0/);
    const other = await errorOf(
      mappings[0]!.up({ ...odd, virtualAddress: { ...web(0).virtualAddress, routerId: 52 } }),
    );
    expect(other.message).toMatch(/routerId 52 is there as .* with routerId 51, by mapping "web"/);
    expect((await get(`http://${address}/`)).status).toBe(200);
    await shell(
      edges[0]!,
      "echo >>/var/lib/pulumi-jail/edge/address/keepalived.conf; systemctl stop pulumi-jail-edge-address.service",
    );
    await settled("two");
    expect((await mappings[0]!.read(states[0]!))!.drift).toEqual([
      "keepalived's configuration changed",
      "keepalived is stopped",
    ]);
    await shell(edges[1]!, "systemctl stop pulumi-jail-edge-address.service");
    await until(async () => (await holders()).length === 0);
    expect((await mappings[1]!.read(states[1]!))!.drift).toEqual([
      "keepalived is stopped",
      `virtual address ${address}/24 is on no edge`,
    ]);
    states = [await mappings[0]!.up(web(0), states[0]), await mappings[1]!.up(web(1), states[1])];
    await settled("one");
  });

  test("leave nothing behind", async () => {
    await mappings[0]!.remove(states[0]!);
    await settled("two");
    expect((await get(`http://${address}/`)).status).toBe(200);
    await mappings[1]!.remove(states[1]!);
    await shell(edges[1]!, "systemctl stop 'responder*' 2>/dev/null || true; rm -f /run/*responder*.pl");
    expect(await holders()).toEqual([]);
    const changes = diffFingerprints(before, await edges[1]!.fingerprint(LEFT_ALONE));
    expect(changes.filter((line) => !line.includes("/run/pulumi-jail") && !line.includes("responder"))).toEqual([]);
  });
});

async function fails(what: string, act: () => Promise<unknown>): Promise<void> {
  const watch = watchOutages(`http://${address}/`);
  await watch.reach(100);
  await act();
  await until(async () => (await holders()).join() === "two");
  await until(async () => (await get(`http://${address}/`)).text.startsWith("two"));
  const now = watch.requests();
  await watch.reach(now + 100);
  const { longestMs, requests, failed }: Outage = await watch.stop();
  console.log(`${what}: ${longestMs} ms without an answer; ${failed} of ${requests} requests failed`);
  expect(longestMs).toBeGreaterThan(0);
  expect(longestMs).toBeLessThanOrEqual(MOST_MS);
}

/** Until it is there and nowhere else, and clients are led there. */
async function settled(name: string): Promise<void> {
  await until(async () => (await holders()).join() === name);
  await until(async () => (await get(`http://${address}/`)).text.startsWith(name));
}

async function holders(): Promise<readonly string[]> {
  const held = await Promise.all(
    edges.map(async (edge) => {
      const { stdout } = await edge
        .exec(["ip", "-o", "address", "show"], { reject: false })
        .catch(() => ({ stdout: "" }));
      return stdout.includes(` ${address}/`) ? [edge.name] : [];
    }),
  );
  return held.flat();
}

function web(index: number) {
  const peer = edges[1 - index]!.address;
  return {
    mappingName: "web",
    address: edges[index]!.address,
    bindPort: 80,
    mode: "http",
    backends: [{ address: edges[index]!.address, hostPort: 18080 }],
    virtualAddress: {
      address: `${address}/24`,
      interface: "host0",
      routerId: 51,
      priority: index === 0 ? 150 : 140,
      peers: [peer],
    },
  };
}
