import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts } from "../../provider/host/pool.ts";
import { get } from "../support/http-get.ts";
import { startResponder } from "../support/http-responder.ts";
import { askByUdp } from "../support/udp-ask.ts";
import { startUdpResponder } from "../support/udp-responder.ts";
import { type EdgeSite, edgeSite, type State } from "./edge-site.ts";
import { errorOf, shell, until } from "./ssh-site.ts";

const LEFT_ALONE = ["/var/lib/apt", "/var/cache", "/var/log"];
const JAIL = "/var/lib/pulumi-jail/services/stub/rules.nft";

let site: TestHosts;
let edge: TestHost;
let back: TestHost;
let mappings: EdgeSite;
let before: Fingerprint;
let names: State;
let web: State;

beforeAll(async () => {
  site = await bootHosts({ run: `forward-${process.pid}`, hosts: ["edge", "back"] });
  [edge, back] = [site.host("edge"), site.host("back")];
  mappings = edgeSite(edge);
  await startUdpResponder(back, 5301, "one");
  await startUdpResponder(back, 5302, "two");
  await startResponder(back, 18080, "back");
  before = await edge.fingerprint(LEFT_ALONE);
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
});

describe("a port that the kernel forwards", () => {
  test("leads each new client to a server by weight, and comes to other hosts from the edge", async () => {
    names = await mappings.up(dns([60, 40]));
    const answers = await askByUdp(edge.address, 53, 500);
    expect(Object.keys(answers).sort()).toEqual([`one ${edge.address}`, `two ${edge.address}`]);
    expect(answers[`one ${edge.address}`]).toBeGreaterThan(240);
    expect(answers[`one ${edge.address}`]).toBeLessThan(360);
    expect((await mappings.read(names))!.drift).toEqual([]);
  });

  test("changes in one transaction; a connection stays where it is", async () => {
    web = await mappings.up(http([target(back.address, 18080)]));
    const held = await hold(edge.address, 8080);
    web = await mappings.up(http([target(back.address, 9)]), web);
    expect((await get(`http://${edge.address}:8080/`)).status).toBe(0);
    expect(await held.ask()).toContain("200 OK");
    web = await mappings.up(http([target(back.address, 18080)]), web);
    names = await mappings.up(dns([1, 0]), names);
    expect(await askByUdp(edge.address, 53, 30)).toEqual({ [`one ${edge.address}`]: 30 });
  });

  test("leads to a jail of the same host as the client, wherever the service is just now", async () => {
    await shell(
      edge,
      `ip netns add stub; ip link add pjv-9a type veth peer name eth0 netns stub; ip addr add 100.127.0.36/31 dev pjv-9a; ip link set pjv-9a up
       ip -n stub addr add 100.127.0.37/31 dev eth0; ip -n stub link set eth0 up; ip -n stub link set lo up; ip -n stub route add default via 100.127.0.36
       echo 1 >/proc/sys/net/ipv4/conf/pjv-9a/forwarding; mkdir -p ${JAIL.slice(0, -"/rules.nft".length)}
       echo 'add element inet pulumi_jail udp4 { ${edge.address} . 20999 : 100.127.0.37 . 53 }' >${JAIL}`,
    );
    await shell(back, "cat /run/udp-responder.pl").then((text) =>
      edge.exec(["sh", "-c", "cat >/run/udp.pl"], { input: text }),
    );
    await shell(edge, "systemd-run -q --collect --unit=stub ip netns exec stub perl /run/udp.pl 53 jail; sleep 0.5");
    names = await mappings.up({ ...dns([1, 0]), backends: [target(edge.address, 20999)] }, names);
    const [answer = ""] = Object.keys(await askByUdp(edge.address, 53, 20));
    expect(answer).toMatch(/^jail /);
    expect(answer).not.toContain(edge.address);
    await shell(edge, `systemctl stop stub; ip netns del stub; rm -r /var/lib/pulumi-jail/services`);
    expect((await mappings.read(names))!.drift).toEqual(["mapping names leads to where a jail was before"]);
    names = await mappings.up(dns([1, 1]), names);
  });

  test("is there after a reboot, and after somebody flushed all rules", async () => {
    await edge.reboot();
    await until(async () => Object.keys(await askByUdp(edge.address, 53, 20)).length === 2);
    expect((await mappings.read(names))!.drift).toEqual([]);
    await shell(edge, "nft flush ruleset");
    expect((await mappings.read(names))!.drift).toContain(
      "the kernel has no port rules of ours (table inet pulumi_jail)",
    );
    names = await mappings.up(dns([1, 1]), names);
    expect((await mappings.read(names))!.drift).toEqual([]);
  });

  test("is refused where a program or a rule of another table has it", async () => {
    await startUdpResponder(edge, 123, "ntp");
    const held = await errorOf(mappings.up({ ...dns([1, 1]), mappingName: "ntp", bindPort: 123 }));
    expect(held.message).toMatch(/udp port 123 is held by perl, pid \d+/);
    await shell(edge, "systemctl stop udp-responder-123; rm -f /run/udp-responder.pl");
    await shell(
      edge,
      "nft 'add table ip other; add chain ip other pre { type nat hook prerouting priority -100; }; add rule ip other pre udp dport 123 dnat to 192.0.2.1'",
    );
    const led = await errorOf(mappings.up({ ...dns([1, 1]), mappingName: "ntp", bindPort: 123 }));
    expect(led.message).toContain("led elsewhere by a rule that is not ours, table ip other: udp dport 123");
    await shell(edge, "nft delete table ip other");
  });

  test("leaves the host as it was", async () => {
    await mappings.remove(web);
    await mappings.remove(names);
    const changes = diffFingerprints(before, await edge.fingerprint(LEFT_ALONE));
    expect(changes.filter((line) => !line.includes("/run/pulumi-jail"))).toEqual([]);
  });
});

function dns(weights: readonly [number, number]): object {
  const backends = weights.map((weight, index) => ({ ...target(back.address, 5301 + index), weight }));
  return { mappingName: "names", address: edge.address, bindPort: 53, mode: "udp", engine: "nftables", backends };
}

function http(backends: readonly object[]): object {
  return { mappingName: "web", address: edge.address, bindPort: 8080, engine: "nftables", backends };
}

function target(address: string, hostPort: number) {
  return { address, hostPort };
}

/** A connection that is there and has asked nothing yet. */
function hold(address: string, port: number): Promise<{ ask(): Promise<string> }> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, address);
    socket.once("error", reject);
    socket.once("connect", () =>
      resolve({
        ask: () =>
          new Promise((answered, failed) => {
            socket.once("data", (bytes) => answered(bytes.toString()));
            socket.once("error", failed);
            socket.write("GET / HTTP/1.0\r\n\r\n");
          }),
      }),
    );
  });
}
