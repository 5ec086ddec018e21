import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts } from "../../provider/host/pool.ts";
import { startResponder } from "../support/http-responder.ts";
import { type EdgeSite, edgeSite, type State } from "./edge-site.ts";
import { shell } from "./ssh-site.ts";

let hosts: TestHosts;
let edge: TestHost;
let web: TestHost;
let site: EdgeSite;
let state: State;
let before: Fingerprint;

const SERVERS = [18081, 18082, 18083];

beforeAll(async () => {
  hosts = await bootHosts({ run: `weights-${process.pid}`, hosts: ["web1", "edge"] });
  [web, edge] = [hosts.host("web1"), hosts.host("edge")];
  site = edgeSite(edge);
  before = await edge.fingerprint();
  for (const port of SERVERS) await startResponder(web, port);
  // A responder whose answers the test decides; responder.test.ts has the real one.
  const agent = `use IO::Socket::INET; my $l = IO::Socket::INET->new(LocalPort => 20128, Listen => 64, ReuseAddr => 1) or die $!; $SIG{PIPE} = "IGNORE";
while (my $c = $l->accept or 1) { next unless $c; sysread $c, my $asked, 128; open my $in, "<", $asked =~ /:state$/ ? "/run/state" : "/run/weight"; syswrite $c, scalar <$in>; close $c }`;
  await web.exec(["sh", "-c", "cat >/run/agent.pl"], { input: agent });
  await say("ready", 60);
  await web.exec(["systemd-run", "-q", "--collect", "--unit=agent", "perl", "/run/agent.pl"]);
});
afterAll(async () => {
  closeHosts();
  await hosts?.destroy();
});

async function say(word: string, weight: number): Promise<void> {
  await shell(web, `echo 'up ${word} ${weight}%' >/run/weight; echo 'up ${word}' >/run/state`);
}

function endpoint(port: number, responder = 20128): object {
  const name = `web${port}.http.${web.address}`;
  return { name, protocol: "tcp", address: web.address, hostPort: port, responder: { hostPort: responder } };
}

/** `OPERATION ADMIN WEIGHT` of each server as the running proxy has it: 2 is up, 8 is drained. */
async function running(): Promise<readonly string[]> {
  const script = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => "/run/pulumi-jail-edge/admin.sock") or die; print $s "show servers state site\\n"; $s->flush; shutdown $s, 1; print <$s>`;
  const { stdout } = await edge.exec(["perl", "-e", script]);
  const lines = stdout.split("\n").filter((line) => / site /.test(line));
  return lines.map((line) => line.split(" ").slice(5, 8).join(" "));
}

const SOON = { timeout: 15_000, interval: 300 };

describe("weights by load", () => {
  test("the proxy has the weight that the responder says, which is no drift", async () => {
    const [one, two] = SERVERS.map((port) => endpoint(port));
    state = await site.up({ mode: "http", bindPort: 80, weights: "load", backends: [one, two] });
    await expect.poll(running, SOON).toEqual(["2 0 60", "2 0 60"]);
    expect((await site.read(state))?.drift).toEqual([]);
  });

  test("a server that comes by the runtime API is asked too; one whose responder is silent comes up all the same", async () => {
    const pid = await site.workerPid();
    const backends = [...SERVERS.slice(0, 2).map((port) => endpoint(port)), endpoint(SERVERS[2]!, 20199)];
    state = await site.up({ mode: "http", bindPort: 80, weights: "load", backends }, state);
    await expect.poll(running, SOON).toEqual(["2 0 60", "2 0 60", "2 0 100"]);
    const all = SERVERS.map((port) => endpoint(port));
    state = await site.up({ mode: "http", bindPort: 80, weights: "load", backends: all.slice(0, 2) }, state);
    state = await site.up({ mode: "http", bindPort: 80, weights: "load", backends: all }, state);
    await expect.poll(running, SOON).toEqual(["2 0 60", "2 0 60", "2 0 60"]);
    expect(await site.workerPid()).toBe(pid);
  });

  test("a drain of the responder is obeyed and is no drift; ready ends it", async () => {
    await say("drain", 60);
    await expect.poll(running, SOON).toEqual(["2 8 60", "2 8 60", "2 8 60"]);
    expect((await site.read(state))?.drift).toEqual([]);
    await say("ready", 100);
    await expect.poll(running, SOON).toEqual(["2 0 100", "2 0 100", "2 0 100"]);
  });
});

describe("weights by SNMP", () => {
  test("hosts that run snmpd and nothing of ours are asked from the edge, where nothing is installed", async () => {
    await shell(
      web,
      "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq --yes install --no-install-recommends snmpd >/dev/null",
    );
    await shell(
      web,
      "printf 'agentAddress udp:161\\nrocommunity geheim\\n' >/etc/snmp/snmpd.conf && systemctl restart snmpd",
    );
    const backends = SERVERS.map((hostPort) => ({ address: web.address, hostPort }));
    const snmp = { community: "geheim" };
    state = await site.up({ mode: "http", bindPort: 80, weights: { snmp }, backends }, state);
    const ask = `exec 3<>/dev/tcp/127.80.74.1/7161; printf 'site:${web.address}' >&3; timeout 5 cat <&3`;
    await expect.poll(() => shell(edge, `bash -c "${ask}"`), SOON).toMatch(/^up (\d\d|100)%\n$/);
    const weights = (await running()).map((line) => Number(line.split(" ")[2]));
    for (const weight of weights) expect(weight).toBeGreaterThanOrEqual(10);
    expect((await site.read(state))?.drift).toEqual([]);
    expect(await shell(edge, "stat -c '%a %U:%G' /var/lib/pulumi-jail-snmp/targets/site")).toBe(
      "640 root:pulumi-jail-edge\n",
    );
    expect(await shell(edge, "command -v snmpget || echo none")).toBe("none\n");
  });

  test("the community is readable by root and the proxy's user alone, and in no argument, journal or configuration", async () => {
    const hex = Buffer.from("geheim").toString("hex");
    const places = "/etc/systemd/system /var/lib /run/pulumi-jail* /proc/[0-9]*/cmdline /proc/[0-9]*/environ";
    const found = await shell(edge, `grep -rlaE '[g]eheim|6765686[5]696d' ${places} 2>/dev/null | sort || true`);
    expect(found).toBe("/var/lib/pulumi-jail-snmp/targets/site\n");
    expect(await shell(edge, `journalctl -q --no-pager | grep -cE 'geheim|${hex}' || true`)).toBe("0\n");
    const read = "cat /var/lib/pulumi-jail-snmp/targets/site";
    expect(await shell(edge, `setpriv --reuid 65534 --clear-groups ${read} 2>/dev/null || echo denied`)).toBe(
      "denied\n",
    );
    expect(await shell(edge, read)).toContain(hex);
  });

  test("a host whose snmpd is away keeps serving with its last weight, which is no drift", async () => {
    await shell(web, "systemctl stop snmpd");
    const ask = `exec 3<>/dev/tcp/127.80.74.1/7161; printf 'site:${web.address}' >&3; timeout 5 cat <&3`;
    await expect.poll(() => shell(edge, `bash -c "${ask}"`), SOON).toBe("");
    const lines = await running();
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).toMatch(/^2 0 (\d\d|100)$/);
    expect((await site.read(state))?.drift).toEqual([]);
  });

  test("a changed file of it is named without the community, and mended", async () => {
    await shell(edge, "echo spoilt >/var/lib/pulumi-jail-snmp/targets/site; systemctl stop pulumi-jail-snmp.socket");
    const drift = (await site.read(state))?.drift;
    expect(drift).toEqual([
      "/var/lib/pulumi-jail-snmp/targets/site is not as declared",
      "nothing asks hosts by SNMP: 127.80.74.1 does not listen",
    ]);
    const backends = SERVERS.map((hostPort) => ({ address: web.address, hostPort }));
    const snmp = { community: "geheim" };
    state = await site.up({ mode: "http", bindPort: 80, weights: { snmp }, backends }, state);
    expect((await site.read(state))?.drift).toEqual([]);
  });

  test("nothing of it is left when the mapping goes", async () => {
    await site.remove(state);
    expect(
      await shell(edge, "ls -d /var/lib/pulumi-jail* /etc/systemd/system/pulumi-jail* 2>/dev/null || echo none"),
    ).toBe("none\n");
    expect(diffFingerprints(before, await edge.fingerprint())).toEqual([]);
  });
});
