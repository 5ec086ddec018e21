// Above 250 lines: one edge lives through all of this, and each of its states is what the next part begins with.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { StepFailed } from "../../provider/host/errors.ts";
import { closeHosts, hostFor } from "../../provider/host/pool.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { get } from "../support/http-get.ts";
import { startResponder } from "../support/http-responder.ts";
import { startLoad } from "../support/load.ts";
import { connectionTo, errorOf, shell, until } from "./ssh-site.ts";

type State = PortMappingInputs & PortMappingOutputs;

const PORT = 18080;
/** What a run may leave: caches that apt and systemd keep. */
const LEFT_ALONE = ["/var/lib/apt", "/var/cache", "/var/log"];

let site: TestHosts;
let edge: TestHost;
let before: Fingerprint;
let state: State;

beforeAll(async () => {
  site = await bootHosts({ run: `mapping-${process.pid}`, hosts: ["web1", "web2", "web3", "edge"] });
  edge = site.host("edge");
  for (const name of ["web1", "web2", "web3"]) await startResponder(site.host(name), PORT);
  before = await edge.fingerprint(LEFT_ALONE);
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
});

describe("an edge that had none", () => {
  test("serves two backends, in a jail as a user of its own, and holds its isolation", async () => {
    state = await up({});
    expect(state).toMatchObject({ url: `http://${edge.address}/`, drift: [], lastChange: { by: "start" } });
    expect(await hitsOf(state.url, 20)).toEqual(["web1", "web2"]);
    expect(await shell(edge, "dpkg -l haproxy 2>&1 | grep -c ^ii; ls /etc/haproxy 2>&1; true")).toContain(
      "0\nls: cannot access",
    );
    const status = await shell(
      edge,
      `grep -h -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/$(pgrep -n -P ${await masterPid()} haproxy)/status`,
    );
    expect(status.replace(/\s+/g, " ").trim()).toBe("CapEff: 0000000000000400 NoNewPrivs: 1 Seccomp: 2");
    expect(await shell(edge, `stat -L -c %d:%i /proc/${await masterPid()}/root/`)).not.toBe(
      await shell(edge, "stat -c %d:%i /"),
    );
  });

  test("does nothing at a second up, and a read is one question", async () => {
    const writes = await writesOf(async () => {
      expect(await up({}, state)).toEqual(state);
      expect(await read(state)).toMatchObject({ drift: [], lastChange: state.lastChange });
    });
    expect(writes).toEqual([]);
  });
});

describe("changes under load", () => {
  test("of backends and weights fail no request and keep HAProxy's PID", async () => {
    const pid = await workerPid();
    const load = startLoad(state.url, { keepAlive: 4, fresh: 4 });
    const [web1, web2, web3] = ["web1", "web2", "web3"].map(backend);
    const sets = [
      [web1, { ...web2, weight: 40 }],
      [web1, web2, web3],
      [web3],
      [web1],
      [web1, { ...web2, state: "maint" }],
      [web1, web2],
    ];
    for (let round = 0; round < 2; round++)
      for (const backends of sets) {
        state = await up({ backends }, state);
        expect(state.lastChange).toMatchObject({ by: "runtime-api", failed: 0 });
        expect(state.lastChange.requests).toBeGreaterThan(0);
      }
    await load.reach(5000);
    const { failed, errors } = await load.stop();
    expect({ failed, errors }).toEqual({ failed: 0, errors: {} });
    expect(await workerPid()).toBe(pid);
  });

  test("by reload fail none either, where a restart does", async () => {
    const load = startLoad(state.url, { keepAlive: 4, fresh: 4 });
    for (const balance of ["roundrobin", "random", "source", "leastconn"]) {
      state = await up({ balance }, state);
      expect(state.lastChange).toMatchObject({ by: "reload", failed: 0 });
    }
    await load.reach(2000);
    const { failed, errors } = await load.stop();
    expect({ failed, errors }).toEqual({ failed: 0, errors: {} });
    const control = startLoad(state.url, { keepAlive: 4, fresh: 4 });
    await shell(edge, "systemctl restart pulumi-jail-edge.service");
    await until(() => control.count().failed > 0);
    await control.stop();
  });

  test("of the proxy's own jail fail none either: the new one takes over from the old one's process", async () => {
    const [unit, jails] = [
      "/etc/systemd/system/pulumi-jail-edge.service",
      "/var/lib/pulumi-jail/edge/haproxy/generations",
    ];
    const older = "aaaaaaaaaaaaaaaa";
    const move = `cd ${jails}; cp -al [0-9a-f]*[0-9a-f] ${older}; cp -p ${unit} /root/; sed -i 's,/[0-9a-f]*$,/${older},' ${unit}`;
    const back = `mv /root/pulumi-jail-edge.service ${unit}; systemctl daemon-reload`;
    const restart = "systemctl daemon-reload; systemctl restart pulumi-jail-edge.service";
    await shell(edge, `${move.replace("s,/", "/^RootDirectory=/s,/")}; ${restart}; ${back}`);
    expect((await read(state))?.drift).toEqual(["HAProxy runs outside of its jail"]);
    const load = startLoad(state.url, { keepAlive: 4, fresh: 4 });
    state = await up({}, state);
    expect(state.lastChange.by).toBe("start");
    state = await up({ balance: "random" }, state);
    state = await up({}, state);
    await load.reach(1000);
    const { failed, errors } = await load.stop();
    expect({ failed, errors }).toEqual({ failed: 0, errors: {} });
    expect((await read(state))?.drift).toEqual([]);
    await until(async () => !(await shell(edge, "systemctl list-units 'pulumi-jail-*'")).includes("interim"));
    await shell(edge, `rm -r ${jails}/${older}`);
  });

  test("that would leave no healthy server are not made", async () => {
    const dead = { name: "dead", address: site.host("web1").address, hostPort: 9 };
    const timed = { healthCheck: { interSeconds: 1, rise: 1 }, timeouts: { connectSeconds: 1 } };
    const patient = await up(timed, state);
    const error = await errorOf(up({ ...timed, backends: [dead] }, patient));
    expect(error.message).toContain("what served before serves on");
    expect(await hitsOf(state.url, 10)).toEqual(["web1", "web2"]);
    state = await up({}, { ...patient, drift: ["unfinished"] });
  });
});

describe("mappings of several stacks", () => {
  test("share the proxy, and a bind by hostname; each goes alone", async () => {
    const shop = await up(
      { mappingName: "shop", hostnames: ["shop.example"], backends: [backend("web3")] },
      undefined,
      "other",
    );
    const raw = await up(
      { mappingName: "raw", bindPort: 8080, mode: "tcp", backends: [backend("web2")] },
      undefined,
      "third",
    );
    expect(await get(state.url, undefined, { host: "SHOP.example:80" })).toMatchObject({
      text: expect.stringMatching(/^web3 /),
    });
    expect(await hitsOf(state.url, 20)).toEqual(["web1", "web2"]);
    expect(await hitsOf(`http://${edge.address}:8080/`, 5)).toEqual(["web2"]);
    expect((await read(state))?.drift).toEqual([]);
    const load = startLoad(state.url, { keepAlive: 2, fresh: 2 });
    await remove(shop, "other");
    await remove(raw, "third");
    await load.reach(100);
    expect((await load.stop()).failed).toBe(0);
    expect((await get(`http://${edge.address}:8080/`)).text).toBe("ECONNREFUSED");
    expect(await shell(edge, "ls /var/lib/pulumi-jail/edge/mappings")).toBe("site.json\n");
  });

  test("that come and go at once lose no fragment", async () => {
    const names = ["a", "b", "c", "d"];
    const states = await Promise.all(
      names.map((name) => up({ mappingName: name, hostnames: [`${name}.example`] }, undefined, name)),
    );
    for (const name of names) expect((await get(state.url, undefined, { host: `${name}.example` })).status).toBe(200);
    await Promise.all(states.map((other, index) => remove(other, names[index]!)));
    expect(await shell(edge, "ls /var/lib/pulumi-jail/edge/mappings")).toBe("site.json\n");
    expect((await read(state))?.drift).toEqual([]);
  });

  test("are refused alone: a bind that is taken, a port that is held, one that cannot run", async () => {
    const load = startLoad(state.url, { keepAlive: 2, fresh: 2 });
    const taken = await errorOf(up({ mappingName: "taken" }, undefined, "other"));
    expect(taken.message).toContain('bind *:80 has its default already: mapping "site"');
    await shell(
      edge,
      "systemd-run -q --collect --unit=holder perl -MIO::Socket::INET -e '*H = IO::Socket::INET->new(LocalPort => 8081, Listen => 1, ReuseAddr => 1) or die; sleep 600'; sleep 0.5",
    );
    const held = await errorOf(up({ mappingName: "held", bindPort: 8081 }, undefined, "other"));
    expect(held.message).toMatch(/port 8081 is held by perl, pid \d+/);
    await load.reach(100);
    expect((await load.stop()).failed).toBe(0);
    expect((await read(state))?.drift).toEqual([]);
  });

  test("that validate and can't run leave the proxy as it was", async () => {
    // A socket that is bound and does not listen: nothing but a bind tells.
    await shell(
      edge,
      "systemd-run -q --collect --unit=late perl -MIO::Socket::INET -e '*H = IO::Socket::INET->new(LocalPort => 8082) or die; sleep 600'; sleep 0.5",
    );
    const load = startLoad(state.url, { keepAlive: 2, fresh: 2 });
    const { host } = callOf("x", "other");
    const blind = { ...host, label: host.label, apply: host.apply.bind(host), ask: blindTo(host) };
    const inputs = inputsOf({ mappingName: "late", bindPort: 8082 });
    const error = await errorOf(portMappingKind.converge({ ...callOf("x", "other"), host: blind }, inputs, undefined));
    expect(error.message).toContain('mapping "late" is refused by the proxy, the others serve on');
    expect(error.message).toMatch(/cannot bind :8082: Address already in use/);
    await load.reach(100);
    expect((await load.stop()).failed).toBe(0);
    expect(await shell(edge, "ls /var/lib/pulumi-jail/edge/mappings")).toBe("site.json\n");
    expect((await read(state))?.drift).toEqual([]);
    state = await up({ drainSeconds: 31 }, state);
    state = await up({}, state);
  });
});

describe("drift", () => {
  let sound: Fingerprint;
  beforeAll(async () => {
    // A master that was reloaded shows it in its command line, and a lingering worker is a process more.
    await shell(edge, "systemctl restart pulumi-jail-edge.service");
    sound = await edge.fingerprint(LEFT_ALONE);
  });
  const socket = (command: string) =>
    `perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => "/run/pulumi-jail-edge/admin.sock") or die; print $s "${command}\\n"; $s->flush; print while <$s>'`;
  const CONFIGURATION = "/var/lib/pulumi-jail/edge/configuration/haproxy.cfg";
  const FRAGMENT = "/var/lib/pulumi-jail/edge/mappings/site.json";
  const UNIT = "/etc/systemd/system/pulumi-jail-edge.service";

  test.each([
    ["a weight", socket("set server site/web1 weight 40"), "backend web1: weight 100 -> 40"],
    [
      "maintenance",
      socket("set server site/web1 state maint"),
      "backend web1 is in maintenance (MAINT), declared ready",
    ],
    [
      "a server gone",
      socket("set server site/web1 state maint;del server site/web1"),
      "backend web1 is gone from the running proxy",
    ],
    [
      "a server moved",
      socket("set server site/web1 addr 192.0.2.1 port 80"),
      /backend web1: address .* -> 192\.0\.2\.1:80/,
    ],
    ["HAProxy stopped", "systemctl stop pulumi-jail-edge.service", "HAProxy is stopped"],
    [
      "HAProxy killed for good",
      "systemctl kill -s STOP pulumi-jail-edge.service; systemctl stop pulumi-jail-edge.service & sleep 1; systemctl kill -s KILL pulumi-jail-edge.service; wait",
      "HAProxy is stopped",
    ],
    ["HAProxy hangs", "systemctl kill -s STOP pulumi-jail-edge.service", "HAProxy does not answer"],
    ["the unit disabled", "systemctl -q disable pulumi-jail-edge.service", "pulumi-jail-edge.service is disabled"],
    [
      "the unit changed",
      `sed -i s/NoNewPrivileges=yes/NoNewPrivileges=no/ ${UNIT}`,
      "pulumi-jail-edge.service changed",
    ],
    ["the unit gone", `rm ${UNIT}`, "pulumi-jail-edge.service is gone"],
    ["the unit's mode", `chmod 0666 ${UNIT}`, "pulumi-jail-edge.service has mode 666:root:root, not 644:root:root"],
    [
      "a drop-in in force",
      `mkdir ${UNIT}.d; printf '[Service]\\nRootDirectory=\\nUser=root\\nCapabilityBoundingSet=~\\nBindReadOnlyPaths=\\nExecStart=\\nExecStart=/usr/bin/sleep 600\\nType=exec\\n' >${UNIT}.d/x.conf; systemctl daemon-reload`,
      "pulumi-jail-edge.service has a drop-in: /etc/systemd/system/pulumi-jail-edge.service.d/x.conf",
    ],
    ["the configuration changed", `echo '# x' >>${CONFIGURATION}`, "configuration differs from the fragments"],
    ["the configuration gone", `rm ${CONFIGURATION}`, "configuration is gone"],
    ["the fragment changed", `sed -i 's/"weight":100/"weight":7/' ${FRAGMENT}`, "fragment of mapping site changed"],
    ["the fragment gone", `rm ${FRAGMENT}`, "fragment of mapping site is gone"],
    ["all fragments gone", "rm -r /var/lib/pulumi-jail/edge/mappings", "fragment of mapping site is gone"],
    [
      "a file of the jail gone",
      "rm /var/lib/pulumi-jail/edge/haproxy/generations/*/usr/sbin/haproxy",
      /^HAProxy's jail: missing: \/usr\/sbin\/haproxy/,
    ],
    [
      "a file of the jail changed",
      "echo x >>$(ls -d /var/lib/pulumi-jail/edge/haproxy/generations/*/etc/nsswitch.conf)",
      /^HAProxy's jail: changed: \/etc\/nsswitch\.conf/,
    ],
    ["the jail gone", "rm -r /var/lib/pulumi-jail/edge/haproxy", "HAProxy's jail is gone"],
    [
      "the mount point gone",
      "rmdir /var/lib/pulumi-jail/edge/haproxy/generations/*/var/lib/pulumi-jail/edge/configuration",
      "HAProxy does not see its configuration",
    ],
  ])("is named and mended: %s", async (_, act, sentence) => {
    await shell(edge, act);
    const found = await read(state);
    expect(
      found?.drift.some((line) => (typeof sentence === "string" ? line === sentence : sentence.test(line))) ||
        found?.drift,
    ).toBe(true);
    state = await up({}, { ...state, ...found! });
    expect((await read(state))?.drift).toEqual([]);
    expect(await changesSince(sound)).toEqual([]);
    await until(async () => (await hitsOf(state.url, 10)).join() === "web1,web2");
  });
});

describe("faults", () => {
  test("a reboot brings all of it back by itself", async () => {
    await edge.reboot();
    await until(async () => (await get(state.url)).status === 200);
    expect((await read(state))?.drift).toEqual([]);
  });

  test("kill -9 of the worker or master is survived", async () => {
    for (const pidOf of [workerPid, masterPid]) {
      await shell(edge, `kill -9 ${await pidOf()}`);
      await until(async () => (await get(state.url)).status === 200);
    }
    await until(async () => (await read(state))?.drift.length === 0);
  });

  test("a run that is killed in the commit is finished by the next", async () => {
    const sound = await edge.fingerprint(LEFT_ALONE);
    for (const at of [0.02, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4]) {
      const changed = errorOf(up({ balance: "random", backends: [backend("web1")] }, state)).catch(() => undefined);
      await shell(
        edge,
        `for i in $(seq 200); do pgrep -f '[I]FS= read' >/dev/null && break; sleep 0.01; done; sleep ${at}; pkill -9 -f '[I]FS= read' || true`,
      );
      await changed;
      await shell(edge, "until ! pgrep -f '[I]FS= read' >/dev/null; do sleep 0.05; done");
      state = await up({}, { ...state, drift: ["cut"] });
      expect((await read(state))?.drift).toEqual([]);
    }
    expect(await changesSince(sound)).toEqual([]);
  });

  test("an unreachable edge is not a mapping that is gone", async () => {
    await shell(edge, "systemctl stop ssh.socket ssh.service");
    closeHosts();
    await expect(read(state)).rejects.toMatchObject({ kind: "unreachable" });
    await shell(edge, "systemctl start ssh.service");
  });
});

describe("the last mapping", () => {
  test("takes everything with it; a second removal has nothing to do", async () => {
    await remove(state);
    expect((await get(state.url)).text).toBe("ECONNREFUSED");
    await shell(edge, "systemctl stop holder late 2>/dev/null; systemctl reset-failed; true");
    expect(await changesSince(before)).toEqual([]);
    await remove(state);
    expect(await read(state)).toBeUndefined();
  });

  test("leaves no edge when the first one is refused", async () => {
    const { host } = callOf("x", "site");
    await shell(
      edge,
      "systemd-run -q --collect --unit=late perl -MIO::Socket::INET -e '*H = IO::Socket::INET->new(LocalPort => 80, Listen => 1, ReuseAddr => 1) or die; sleep 600'; sleep 0.5",
    );
    const blind = { ...host, label: host.label, apply: host.apply.bind(host), ask: blindTo(host) };
    const error = await errorOf(
      portMappingKind.converge({ ...callOf("x", "site"), host: blind }, inputsOf({}), undefined),
    );
    expect(error.message).toContain("is refused by the proxy");
    await shell(edge, "systemctl stop late");
    expect(await changesSince(before)).toEqual([]);
    expect(error).not.toBeInstanceOf(StepFailed);
  });
});

/** What differs now, but for how HAProxy's master came to its workers and what a killed request left in /run. */
async function changesSince(fingerprint: Fingerprint): Promise<readonly string[]> {
  const changes = diffFingerprints(fingerprint, await edge.fingerprint(LEFT_ALONE));
  return changes.filter((line) => !/^processes: .*haproxy -|\/run\/pulumi-jail|^processes: 0 perl -e/.test(line));
}

function backend(name: string) {
  return { name, address: site.host(name).address, hostPort: PORT };
}

function inputsOf(given: object): PortMappingInputs {
  const { inputs, failures } = portMappingKind.check(undefined, {
    connection: connectionTo(edge),
    __jail: {
      schema: 1,
      name: "site",
      host: "edge",
      urn: "",
      organization: "organization",
      timeouts: {},
      replaceOnChanges: [],
    },
    bindPort: 80,
    mode: "http",
    backends: [backend("web1"), backend("web2")],
    ...given,
  });
  expect(failures).toEqual([]);
  return inputs;
}

function callOf(claim: string, who: string): Call {
  return {
    host: hostFor(connectionTo(edge)),
    progress: () => {},
    owner: { organization: "organization", project: "p", stack: "dev", urn: `urn:pulumi:dev::p::t::${who}`, claim },
    deadlineSeconds: 600,
    hostFor,
  };
}

async function up(given: object, old?: State, who = "site"): Promise<State> {
  const inputs = inputsOf(given);
  return { ...inputs, ...(await portMappingKind.converge(callOf(old?.claim ?? randomUUID(), who), inputs, old)) };
}

function read(of: State): Promise<PortMappingOutputs | undefined> {
  return portMappingKind.read(callOf(of.claim, "site"), of);
}

function remove(of: State, who = "site"): Promise<void> {
  return portMappingKind.remove(callOf(of.claim, who), of);
}

/** As if a listener had come just after the look. */
function blindTo(host: Call["host"]): Call["host"]["ask"] {
  const ask = async (questions: Parameters<Call["host"]["ask"]>[0]) => {
    const answers = (await host.ask(questions)) as unknown[];
    return answers.map((answer) =>
      typeof answer === "object" && answer !== null && "strangers" in answer ? { ...answer, strangers: [] } : answer,
    );
  };
  return ask as Call["host"]["ask"];
}

/** The names of those who answered, sorted. */
async function hitsOf(url: string, count: number): Promise<readonly string[]> {
  const names = new Set<string>();
  for (let request = 0; request < count; request++) names.add((await get(url)).text.split(/\s/, 1)[0]!);
  return [...names].sort();
}

async function masterPid(): Promise<string> {
  return (await shell(edge, "systemctl show -p MainPID --value pulumi-jail-edge.service")).trim();
}

async function workerPid(): Promise<string> {
  return (await shell(edge, `pgrep -n -P ${await masterPid()} haproxy`)).trim();
}

/** Paths of ours whose inode changed meanwhile. */
async function writesOf(act: () => Promise<void>): Promise<readonly string[]> {
  const since = (await shell(edge, "sleep 0.05; date +%s.%N")).trim();
  await act();
  const found = await shell(edge, `find /etc /var/lib/pulumi-jail -xdev -newerct @${since}`);
  return found.split("\n").filter(Boolean);
}
