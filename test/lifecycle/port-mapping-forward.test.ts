import { describe, expect, test } from "vitest";
import { describePlan } from "../../provider/host/step.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { createFakeEdge } from "../support/fake-edge.ts";
import { withForwards } from "../support/fake-forward.ts";

type State = PortMappingInputs & PortMappingOutputs;
type Host = ReturnType<typeof createHost>;

const DNS1 = { name: "dns1", address: "10.0.0.4", hostPort: 53, weight: 60 };
const DNS2 = { name: "dns2", address: "10.0.0.5", hostPort: 5353, weight: 40 };
const RULES = "/var/lib/pulumi-jail/edge/forwards/dns.rules";

describe("a forwarded port", () => {
  test("is one transaction, and says what is lost without a proxy", async () => {
    const host = createHost();
    const told: string[] = [];
    const state = await up(host, {}, undefined, told);
    expect(describePlan(host.applied[0]!.plan)).toEqual([
      "writing the host's port rules",
      "reloading systemd's units",
      "enabling pulumi-jail-rules.service",
      "forwarding udp port 53 of 192.0.2.10 in one transaction",
    ]);
    expect(told).toEqual([expect.stringContaining("no health check and no drain")]);
    expect(state).toMatchObject({ url: "udp://192.0.2.10:53", lastChange: { by: "nftables" }, drift: [] });
    expect(host.edge.running).toBeUndefined();
  });

  test("asks once and writes nothing when it is as declared", async () => {
    const host = createHost();
    const state = await up(host, {});
    const { applies, asks } = host.counts;
    await up(host, {}, state);
    expect([host.counts.applies - applies, host.counts.asks - asks]).toEqual([0, 1]);
  });

  test("changes by one step, told as such", async () => {
    const host = createHost();
    const state = await up(host, {});
    const change = { backends: [DNS1, { ...DNS2, weight: 10 }] };
    expect(portMappingKind.diff(state, inputsOf(change)).notes).toEqual(["dns2 weight 40 -> 10 by nftables"]);
    await up(host, change, state);
    expect(host.applied.at(-1)!.plan.steps.map(({ step }) => step)).toEqual(["forward-put"]);
    await up(host, { ...change, mappingName: "names" }, state);
    expect([...host.kernel.loaded!.keys()]).toEqual(["names"]);
  });

  test("goes with everything when it was the last", async () => {
    const host = createHost();
    const before = host.snapshot();
    const state = await up(host, {});
    const other = await up(host, { mappingName: "ntp", bindPort: 123 }, undefined, [], "ntp");
    await portMappingKind.remove(callOf(host, state.claim), state);
    expect([...host.kernel.loaded!.keys()]).toEqual(["ntp"]);
    await portMappingKind.remove(callOf(host, other.claim, "ntp"), other);
    expect([host.snapshot(), host.kernel.loaded]).toEqual([before, undefined]);
    await portMappingKind.remove(callOf(host, other.claim, "ntp"), other);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toBeUndefined();
  });

  test.each([
    ["rules gone", (host: Host) => host.state.files.delete(RULES), "rules of mapping dns are gone"],
    [
      "rules changed",
      (host: Host) => host.state.files.set(RULES, { ...host.state.files.get(RULES)!, content: mineOf(host, "x") }),
      "rules of mapping dns changed",
    ],
    [
      "table gone",
      (host: Host) => (host.kernel.loaded = undefined),
      "the kernel has no port rules of ours (table inet pulumi_jail)",
    ],
    [
      "table changed",
      (host: Host) => (host.kernel.changed = true),
      "the port rules (table inet pulumi_jail) were changed",
    ],
    [
      "element gone",
      (host: Host) => host.kernel.loaded!.clear(),
      "the kernel does not forward udp port 53 of 192.0.2.10",
    ],
    ["forwarding off", (host: Host) => host.kernel.closed.push("eth0"), "forwarding is off on eth0"],
    [
      "settings gone",
      (host: Host) => host.state.files.delete("/etc/sysctl.d/60-pulumi-jail-forwards.conf"),
      "forwarding would not come back after a reboot",
    ],
    [
      "file of the table gone",
      (host: Host) => host.state.files.delete("/var/lib/pulumi-jail/rules.nft"),
      "/var/lib/pulumi-jail/rules.nft is gone",
    ],
  ])("that was touched is named and mended: %s", async (_, act, sentence) => {
    const host = createHost();
    const state = await up(host, {});
    const sound = host.snapshot();
    act(host);
    const found = await portMappingKind.read(callOf(host, state.claim), state);
    expect(found!.drift).toContain(sentence);
    await up(host, {}, { ...state, ...found! });
    expect(host.snapshot()).toEqual(sound);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toMatchObject({ drift: [] });
  });
});

describe("a forwarded port is refused where it would take a port from", () => {
  const tcp = { mode: "tcp", bindPort: 80 };
  test.each([
    [
      "a program",
      (host: Host) => (host.kernel.listeners = [{ pid: 7, program: "named", local: "0.0.0.0:53" }]),
      {},
      "udp port 53 is held by named, pid 7",
    ],
    [
      "a jailed service",
      (host: Host) => (host.kernel.services = [{ name: "web", address: "192.0.2.10" }]),
      {},
      `udp port 53 of 192.0.2.10 is jailed service "web"'s`,
    ],
    [
      "another table",
      (host: Host) => (host.kernel.foreign = ["ip nat: udp dport 53 dnat to 10.0.0.9"]),
      {},
      "the port is led elsewhere by a rule that is not ours, table ip nat: udp dport 53 dnat to 10.0.0.9",
    ],
    [
      "another mapping without a proxy",
      (host: Host) => up(host, { mappingName: "first" }, undefined, [], "first"),
      {},
      `udp port 53 of 192.0.2.10 is mapping "first"'s; it belongs to urn:pulumi:dev::p::t::first`,
    ],
    [
      "the proxy",
      (host: Host) => up(host, { ...tcp, engine: "haproxy", mappingName: "site" }, undefined, [], "site"),
      tcp,
      'bind *:80 of mapping "site" and forwarded port 192.0.2.10:80 of mapping "dns" overlap; it belongs to urn:pulumi:dev::p::t::site',
    ],
    [
      "no address of the host's own",
      () => undefined,
      { bindAddress: "203.0.113.1" },
      "203.0.113.1 is none of the host's addresses (192.0.2.10, 127.0.0.1); set bindAddress",
    ],
  ])("%s", async (_, act, given, reason) => {
    const host = createHost();
    await act(host);
    const before = host.snapshot();
    await expect(up(host, given)).rejects.toThrow(`mapping "dns" is refused: ${reason}`);
    expect(host.snapshot()).toEqual(before);
  });

  test("and the proxy is refused where a port is forwarded", async () => {
    const host = createHost();
    await up(host, tcp);
    await expect(up(host, { ...tcp, engine: "haproxy", mappingName: "site" }, undefined, [], "site")).rejects.toThrow(
      'bind *:80 of mapping "site" and forwarded port 192.0.2.10:80 of mapping "dns" overlap',
    );
  });
});

describe("a mapping that changes its engine", () => {
  test("has the new one before the old one goes, and back", async () => {
    const host = createHost();
    const tcp = { mode: "tcp", bindPort: 80 };
    const forwarded = await up(host, tcp);
    const proxied = await up(host, { ...tcp, engine: "haproxy" }, forwarded);
    expect([host.kernel.loaded, [...host.edge.running!.servers.keys()]]).toEqual([undefined, ["dns"]]);
    const again = await up(host, tcp, proxied);
    expect([[...host.kernel.loaded!.keys()], host.edge.running]).toEqual([["dns"], undefined]);
    await portMappingKind.remove(callOf(host, again.claim), again);
    expect(host.snapshot()).toEqual(createHost().snapshot());
  });
});

describe("one forward that nft refuses", () => {
  test("is refused alone", async () => {
    const host = createHost();
    const state = await up(host, {});
    const before = host.snapshot();
    host.kernel.poison = "mapping-bad";
    await expect(up(host, { mappingName: "bad", bindPort: 123 }, undefined, [], "bad")).rejects.toThrow();
    expect(host.snapshot()).toEqual(before);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toMatchObject({ drift: [] });
  });
});

function createHost() {
  return withForwards(createFakeEdge());
}

function mineOf(host: Host, text: string): string {
  return `${host.state.files.get(RULES)!.content!.split("\n", 1)[0]}\n${text}`;
}

function inputsOf(given: object): PortMappingInputs {
  const { inputs, failures } = portMappingKind.check(undefined, {
    connection: CONNECTION,
    address: "192.0.2.10",
    __jail: hiddenOf("dns"),
    bindPort: 53,
    mode: "udp",
    engine: "nftables",
    backends: [DNS1, DNS2],
    ...given,
  });
  expect(failures).toEqual([]);
  return inputs;
}

async function up(host: Host, given: object, state?: State, told: string[] = [], who = "dns"): Promise<State> {
  const inputs = inputsOf(given);
  const call = { ...callOf(host, state?.claim ?? `claim-of-${who}`, who), info: (text: string) => told.push(text) };
  return { ...inputs, ...(await portMappingKind.converge(call, inputs, state)) };
}

function callOf(host: Host, claim: string, who = "dns"): Call {
  const { urn, organization } = hiddenOf(who);
  return {
    host,
    progress: () => {},
    owner: { organization, project: "p", stack: "dev", urn, claim },
    deadlineSeconds: 600,
    hostFor: () => host,
  };
}

function hiddenOf(who: string) {
  const urn = `urn:pulumi:dev::p::t::${who}`;
  return { schema: 1, name: who, host: "edge", urn, organization: "o", timeouts: {}, replaceOnChanges: [] } as const;
}

const CONNECTION = {
  name: "edge",
  host: "192.0.2.10",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};
