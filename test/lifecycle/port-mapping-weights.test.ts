import { describe, expect, test } from "vitest";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { createFakeEdge, type FakeEdge, tamper } from "../support/fake-edge.ts";

type State = PortMappingInputs & PortMappingOutputs;

/** As JailedService gives it. */
function endpoint(number: number, more: object = {}): object {
  const address = `10.0.0.${number}`;
  return {
    name: `web.http.${address}`,
    protocol: "tcp",
    address,
    hostPort: 29438,
    responder: { hostPort: 20128 },
    ...more,
  };
}

const ONE = "web.http.10.0.0.1";
const TWO = "web.http.10.0.0.2";
const THREE = "web.http.10.0.0.3";
const LOAD = { weights: "load", backends: [endpoint(1), endpoint(2)] };

describe("weights by load", () => {
  test("each server line asks its host's responder for the weight", async () => {
    const host = createFakeEdge();
    const state = await up(host, LOAD);
    expect(configuration(host)).toContain(
      `server ${ONE} 10.0.0.1:29438 weight 100 check inter 2s rise 2 fall 3 agent-check agent-port 20128 agent-send web.http agent-inter 2s\n`,
    );
    expect(state.drift).toEqual([]);
  });

  test("a weight that a responder moved is nobody's drift; one of a plain backend is", async () => {
    const host = createFakeEdge();
    const plain = { name: "old", address: "10.0.0.9", hostPort: 80 };
    const state = await up(host, { weights: "load", backends: [endpoint(1), plain] });
    tamper(host.edge, "site", ONE, { weight: 37 });
    expect((await read(host, state)).drift).toEqual([]);
    tamper(host.edge, "site", "old", { weight: 37 });
    expect((await read(host, state)).drift).toEqual(["backend old: weight 100 -> 37"]);
  });

  test("a declared weight changes with a reload, which the preview says", async () => {
    const host = createFakeEdge();
    const state = await up(host, LOAD);
    const given = { ...LOAD, backends: [endpoint(1), endpoint(2, { weight: 40 })] };
    expect(portMappingKind.diff(state, inputsOf(given)).notes).toEqual([
      `${TWO} weight 100 -> 40 with a reload without loss`,
    ]);
    const next = await up(host, given, state);
    expect(next.lastChange.by).toBe("reload");
    expect(host.edge.running?.servers.get("site")?.get(TWO)?.weight).toBe(40);
  });

  test("a server that comes is asked for; one whose responder is silent serves with its own weight", async () => {
    const host = createFakeEdge();
    const state = await up(host, LOAD);
    host.edge.silent.add("10.0.0.3");
    const next = await up(host, { ...LOAD, backends: [endpoint(1), endpoint(2), endpoint(3)] }, state);
    expect(next.lastChange.by).toBe("runtime-api");
    expect(asked(host)).toEqual({ [ONE]: true, [TWO]: true, [THREE]: false });
    expect((await read(host, next)).drift).toEqual([]);
    const { applies } = host.counts;
    await up(host, { ...LOAD, backends: [endpoint(1), endpoint(2), endpoint(3)] }, next);
    expect(host.counts.applies).toBe(applies);
  });

  test("from configured and back is a reload", async () => {
    const host = createFakeEdge();
    const state = await up(host, { ...LOAD, weights: "configured" });
    const next = await up(host, LOAD, state);
    expect([next.lastChange.by, host.edge.workers]).toEqual(["reload", 2]);
  });
});

describe("configured weights", () => {
  test("the responder is asked whether the service drains, and for no weight", async () => {
    const host = createFakeEdge();
    await up(host, { backends: [endpoint(1), endpoint(2)] });
    expect(configuration(host)).toContain("agent-send web.http:state agent-inter 2s\n");
  });

  test("a drain of the responder's is no drift, a weight that somebody changed is", async () => {
    const host = createFakeEdge();
    const state = await up(host, { backends: [endpoint(1), endpoint(2)] });
    tamper(host.edge, "site", ONE, { admin: "drain" });
    expect((await read(host, state)).drift).toEqual([]);
    tamper(host.edge, "site", ONE, { weight: 1 });
    expect((await read(host, state)).drift).toEqual([`backend ${ONE}: weight 100 -> 1`]);
  });

  test("the only server is not drained: nobody else could answer", async () => {
    const host = createFakeEdge();
    await up(host, { backends: [endpoint(1)] });
    expect(configuration(host)).not.toContain("agent-check");
  });

  test("who stays alone is not asked any more, and is back in use", async () => {
    const host = createFakeEdge();
    const state = await up(host, { backends: [endpoint(1), endpoint(2)] });
    tamper(host.edge, "site", ONE, { admin: "drain" });
    const next = await up(host, { backends: [endpoint(1)] }, state);
    expect(next.lastChange.by).toBe("runtime-api");
    expect(asked(host)).toEqual({ [ONE]: false });
    expect(host.edge.running?.servers.get("site")?.get(ONE)?.admin).toBe("ready");
  });

  test("a second server beside one that was alone needs a reload once", async () => {
    const host = createFakeEdge();
    const state = await up(host, { backends: [endpoint(1)] });
    const next = await up(host, { backends: [endpoint(1), endpoint(2)] }, state);
    expect(next.lastChange.by).toBe("reload");
    expect(asked(host)).toEqual({ [ONE]: true, [TWO]: true });
  });

  test("in maintenance nobody is asked, as the answer would end it", async () => {
    const host = createFakeEdge();
    const state = await up(host, { backends: [endpoint(1), endpoint(2), endpoint(3)] });
    const given = { backends: [endpoint(1), endpoint(2), endpoint(3, { state: "maint" })] };
    const next = await up(host, given, state);
    expect(asked(host)).toEqual({ [ONE]: true, [TWO]: true, [THREE]: false });
    expect(next.lastChange.by).toBe("runtime-api");
    expect((await read(host, next)).drift).toEqual([]);
  });
});

describe("weights by SNMP", () => {
  const plain = (number: number) => ({ name: `old${number}`, address: `10.0.1.${number}`, hostPort: 80 });
  const SNMP = { weights: { snmp: { community: "geheim" } }, backends: [plain(1), plain(2), endpoint(1)] };
  const targets = "/var/lib/pulumi-jail-snmp/targets/site";

  test("hosts of plain backends are asked by the edge itself, jailed services' by their responder", async () => {
    const host = createFakeEdge();
    const state = await up(host, SNMP);
    expect(configuration(host)).toContain(
      "agent-check agent-addr 127.80.74.1 agent-port 7161 agent-send site:10.0.1.1 agent-inter 2s\n",
    );
    expect(configuration(host)).toContain("agent-check agent-port 20128 agent-send web.http agent-inter 2s\n");
    expect(host.state.files.get(targets)).toMatchObject({
      mode: "0640",
      content: "10.0.1.1 161 67656865696d\n10.0.1.2 161 67656865696d\n",
    });
    expect((await read(host, state)).drift).toEqual([]);
    const { applies } = host.counts;
    await up(host, SNMP, state);
    expect(host.counts.applies).toBe(applies);
  });

  test("the community is in no configuration, fragment, step's argument or sentence", async () => {
    const host = createFakeEdge();
    const state = await up(host, SNMP);
    host.state.files.set(targets, { type: "file", mode: "0640", owner: "root:pulumi-jail-edge", content: "x" });
    const { drift } = await read(host, state);
    expect(drift).toEqual([`${targets} is not as declared`]);
    const texts = [...host.state.files].filter(([path]) => path !== targets).map(([, file]) => file.content);
    const steps = host.applied.flatMap(({ plan }) => plan.steps.map(({ args, describe }) => [args, describe]));
    expect(JSON.stringify([texts, steps, drift])).not.toMatch(/geheim|67656865696d/);
  });

  test("nothing of it is left by a mapping that asks no longer, and by one that goes", async () => {
    const host = createFakeEdge();
    const ofSnmp = () => [...host.state.files.keys()].filter((path) => path.includes("pulumi-jail-snmp"));
    const state = await up(host, SNMP);
    expect(ofSnmp()).toHaveLength(5);
    const without = await up(host, { ...SNMP, weights: "configured" }, state);
    expect(ofSnmp()).toEqual([]);
    const again = await up(host, SNMP, without);
    expect(ofSnmp()).toHaveLength(5);
    await portMappingKind.remove(callOf(host), again);
    expect(ofSnmp()).toEqual([]);
  });

  test("a wrong community is refused without being shown", () => {
    const { failures } = portMappingKind.check(undefined, {
      connection: { host: "192.0.2.10" },
      __jail: hidden,
      bindPort: 80,
      backends: [plain(1), plain(2)],
      weights: { snmp: { community: "ge\nheim", port: 0 } },
    });
    expect(failures).toEqual([
      { property: "weights.snmp.community", reason: "is no community; 1 to 64 plain characters" },
      { property: "weights.snmp.port", reason: "0 is no port; 1 to 65535" },
    ]);
  });
});

function inputsOf(given: object): PortMappingInputs {
  const { inputs, failures } = portMappingKind.check(undefined, {
    connection: { host: "192.0.2.10", port: 22, user: "root", sudo: false, hostKey: "ssh-ed25519 AAAA" },
    __jail: hidden,
    bindPort: 80,
    mode: "http",
    ...given,
  });
  expect(failures).toEqual([]);
  return inputs;
}

const hidden = {
  schema: 1,
  name: "site",
  host: "edge",
  urn: "urn:pulumi:dev::p::t::site",
  organization: "organization",
  timeouts: {},
  replaceOnChanges: [],
} as const;

async function up(host: FakeEdge, given: object, state?: State): Promise<State> {
  const inputs = inputsOf(given);
  return { ...inputs, ...(await portMappingKind.converge(callOf(host), inputs, state)) };
}

async function read(host: FakeEdge, state: State): Promise<PortMappingOutputs> {
  return (await portMappingKind.read(callOf(host), state))!;
}

function callOf(host: FakeEdge): Call {
  const owner = { organization: "organization", project: "p", stack: "dev", urn: hidden.urn, claim: "claim" };
  return { host, progress: () => {}, owner, deadlineSeconds: 600, hostFor: () => host };
}

function configuration(host: FakeEdge): string {
  return [...host.state.files].find(([path]) => path.endsWith("/haproxy.cfg"))?.[1].content ?? "";
}

/** By server: whether its responder is asked; undefined without an agent. */
function asked(host: FakeEdge): Readonly<Record<string, boolean | undefined>> {
  const servers = host.edge.running?.servers.get("site") ?? new Map();
  return Object.fromEntries([...servers.values()].map(({ name, agent }) => [name, agent?.asked]));
}
