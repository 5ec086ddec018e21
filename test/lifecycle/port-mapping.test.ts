import { describe, expect, test } from "vitest";
import { EDGE_CERTIFICATES } from "../../provider/haproxy/paths.ts";
import { HostError } from "../../provider/host/errors.ts";
import { describePlan } from "../../provider/host/step.ts";
import { warningsOf } from "../../provider/port-mapping/certificate.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import { EDGE_DIRECTORY, EDGE_UNIT, EDGE_UNIT_PATH } from "../../provider/port-mapping/unit.ts";
import { type Call, Unfinished } from "../../provider/resource/kind.ts";
import { UNKNOWN } from "../../provider/resource/unknown.ts";
import { authority, certificateOf } from "../support/certificates.ts";
import { createFakeEdge, type FakeEdge, tamper } from "../support/fake-edge.ts";

type State = PortMappingInputs & PortMappingOutputs;

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
const WEB1 = { name: "web1", address: "10.0.0.4", hostPort: 20128 };
const WEB2 = { name: "web2", address: "10.0.0.5", hostPort: 20128 };
const WEB3 = { name: "web3", address: "10.0.0.6", hostPort: 20128 };

describe("a mapping on an edge that had none", () => {
  test("brings the proxy up and serves", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    expect(describePlan(host.applied[0]!.plan)).toEqual([
      "making the user pulumi-jail-edge",
      `making ${EDGE_DIRECTORY}/haproxy`,
      `making ${EDGE_DIRECTORY}`,
      `writing ${EDGE_UNIT_PATH}`,
      "reloading systemd's units",
      `enabling ${EDGE_UNIT}`,
      "validating the configuration",
      "writing mapping site and starting HAProxy",
    ]);
    expect(state.lastChange).toEqual({ by: "start", requests: 10, failed: 0 });
    expect(state.url).toBe("http://192.0.2.10/");
    expect(serversOf(host)).toEqual({ web1: "10.0.0.4:20128 100 ready", web2: "10.0.0.5:20128 100 ready" });
  });

  test("asks once and writes nothing when it is as declared", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    const { applies, asks } = host.counts;
    await up(host, {}, state);
    expect(host.counts.applies - applies).toBe(0);
    expect(host.counts.asks - asks).toBe(1);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toMatchObject({
      drift: [],
      lastChange: state.lastChange,
    });
  });

  test("goes with everything when it was the last", async () => {
    const host = createFakeEdge();
    const before = host.snapshot();
    const state = await up(host, {});
    await portMappingKind.remove(callOf(host, state.claim), state);
    expect(host.snapshot()).toEqual(before);
    expect(host.edge).toMatchObject({ running: undefined, user: false });
    await portMappingKind.remove(callOf(host, state.claim), state);
    expect(host.snapshot()).toEqual(before);
  });
});

describe("a change of backends", () => {
  test.each([
    [
      "a weight",
      [WEB1, { ...WEB2, weight: 40 }],
      ["validating the configuration", "writing mapping site by the runtime API"],
    ],
    [
      "a state",
      [WEB1, { ...WEB2, state: "maint" }],
      ["validating the configuration", "writing mapping site by the runtime API"],
    ],
    [
      "a drain by declaration",
      [WEB1, { ...WEB2, state: "drain" }],
      ["validating the configuration", "writing mapping site by the runtime API"],
    ],
    [
      "an address",
      [WEB1, { ...WEB2, address: "10.0.0.9" }],
      ["validating the configuration", "writing mapping site by the runtime API"],
    ],
    ["a server more", [WEB1, WEB2, WEB3], ["validating the configuration", "writing mapping site by the runtime API"]],
    [
      "a server less",
      [WEB1],
      ["validating the configuration", "draining web2", "writing mapping site by the runtime API"],
    ],
    [
      "all of them",
      [WEB3],
      [
        "validating the configuration",
        "adding web3 to site",
        "waiting for health of web3",
        "draining web1, web2",
        "writing mapping site by the runtime API",
      ],
    ],
  ])("reaches the running proxy by the runtime API: %s", async (_, backends, plan) => {
    const host = createFakeEdge();
    const state = await up(host, {});
    await up(host, { backends }, state);
    expect(describePlan(host.applied.at(-1)!.plan)).toEqual(plan);
    expect(host.edge.workers).toBe(1);
  });

  test("leaves the last server alone when the new one is not healthy, and says so", async () => {
    const host = createFakeEdge();
    const state = await up(host, { backends: [WEB1] });
    host.edge.sick.add("10.0.0.6:20128");
    const failure = await up(host, { backends: [WEB3] }, state).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Unfinished);
    expect((failure as Error).message).toContain("what served before serves on");
    expect(serversOf(host)["web1"]).toBe("10.0.0.4:20128 100 ready");
  });

  test("of another property reloads", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    const next = await up(host, { balance: "roundrobin" }, state);
    expect(next.lastChange.by).toBe("reload");
    expect(host.edge.workers).toBe(2);
  });

  test("of the name keeps one mapping", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    await up(host, { mappingName: "shop" }, state);
    expect(fragments(host)).toEqual(["shop"]);
    expect([...host.edge.running!.servers.keys()]).toEqual(["shop"]);
  });
});

describe("certificates", () => {
  const SHOP = { hostnames: ["shop.example"], tls: { certificates: [certificateOf("shop")] } };
  const WIKI = { mappingName: "wiki", hostnames: ["wiki.example"], tls: { certificates: [certificateOf("wiki")] } };
  const RENEWED = { ...SHOP, tls: { certificates: [certificateOf("shop-renewed")] } };

  test("lie in files of their own, and their keys nowhere else", async () => {
    const host = createFakeEdge();
    await up(host, SHOP);
    await up(host, WIKI, undefined, "wiki");
    expect(certificates(host)).toEqual(["bind_any_80.list", "site.0.pem", "wiki.0.pem"]);
    const secret = certificateOf("shop").privateKey.split("\n")[1]!;
    const holders = [...host.state.files].filter(([, file]) => file.content?.includes(secret));
    expect(holders.map(([path, file]) => [path, file.mode, file.owner])).toEqual([
      [`${EDGE_CERTIFICATES}/site.0.pem`, "0640", "root:pulumi-jail-edge"],
    ]);
    const { args } = host.applied.at(-1)!.plan.steps.at(-1)!;
    expect(args.join(" ")).not.toContain("PRIVATE");
  });

  test("that are renewed reach the running proxy by the runtime API", async () => {
    const host = createFakeEdge();
    const state = await up(host, SHOP);
    const next = inputsOf(RENEWED);
    expect(portMappingKind.diff(state, next).notes).toEqual(["tls.certificates[0] by the runtime API"]);
    const renewed = await up(host, RENEWED, state);
    expect(renewed.lastChange.by).toBe("runtime-api");
    expect(host.edge.workers).toBe(1);
    expect(host.edge.certificates.get(`${EDGE_CERTIFICATES}/site.0.pem`)).toContain(
      certificateOf("shop-renewed").certificate.trim(),
    );
  });

  test("of another number, version or authority are a reload", async () => {
    const host = createFakeEdge();
    let state = await up(host, SHOP);
    for (const tls of [
      { certificates: [certificateOf("shop"), certificateOf("wiki")] },
      { certificates: [certificateOf("shop")], minVersion: "TLSv1.3" },
      { certificates: [certificateOf("shop")], clientCa: authority() },
    ]) {
      const change = { ...SHOP, tls };
      expect(portMappingKind.diff(state, inputsOf(change)).notes).toContain("reload without loss");
      state = await up(host, change, state);
      expect(state.lastChange.by).toBe("reload");
    }
    expect(certificates(host)).toEqual(["bind_any_80.list", "site.0.pem", "site.ca.pem"]);
  });

  test.each([
    ["gone", (host: FakeEdge) => host.state.files.delete(`${EDGE_CERTIFICATES}/site.0.pem`), "site.0.pem is gone"],
    [
      "changed",
      (host: FakeEdge) => change(host, `${EDGE_CERTIFICATES}/site.0.pem`, (text) => `${text}\n`),
      "site.0.pem changed",
    ],
    [
      "not the one that runs",
      (host: FakeEdge) =>
        host.edge.certificates.set(`${EDGE_CERTIFICATES}/site.0.pem`, certificateOf("wiki").certificate),
      "HAProxy serves another certificate than tls.certificates[0]",
    ],
    [
      "beside another file",
      (host: FakeEdge) =>
        host.state.files.set(`${EDGE_CERTIFICATES}/x`, { type: "file", mode: "0644", owner: "root:root", content: "" }),
      "x is not of our making",
    ],
  ])("that are %s are drift, which is mended without a word to others", async (_, act, sentence) => {
    const host = createFakeEdge();
    const state = await up(host, SHOP);
    const other = await up(host, WIKI, undefined, "wiki");
    const sound = host.snapshot();
    act(host);
    const found = await portMappingKind.read(callOf(host, state.claim), state);
    expect(found!.drift).toEqual([sentence]);
    await up(host, SHOP, { ...state, ...found! });
    expect(host.snapshot()).toEqual(sound);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toMatchObject({ drift: [] });
    expect(await portMappingKind.read(callOf(host, other.claim, "wiki"), other)).toMatchObject({ drift: [] });
  });

  test("go with their mapping, and stay with the others'", async () => {
    const host = createFakeEdge();
    const state = await up(host, SHOP);
    await up(host, WIKI, undefined, "wiki");
    await portMappingKind.remove(callOf(host, state.claim), state);
    expect(certificates(host)).toEqual(["bind_any_80.list", "wiki.0.pem"]);
  });

  test("that cover no hostname are told, and served", async () => {
    const given = { ...SHOP, hostnames: ["else.example", "www.shop.example"] };
    const { warnings } = portMappingKind.check(undefined, given);
    expect(warnings).toEqual(["no certificate of tls.certificates covers else.example"]);
    expect((await up(createFakeEdge(), given)).drift).toEqual([]);
    for (const tls of [UNKNOWN, { certificates: [...SHOP.tls.certificates, UNKNOWN] }])
      expect(portMappingKind.check(undefined, { ...given, tls }).warnings).toEqual([]);
    expect(warningsOf(certificateOf("shop").certificate, Date.parse("2190-01-01"))[0]).toMatch(
      /^the certificate of CN=shop\.example expired on /,
    );
  });
});

describe("a server that comes while visitors are kept by a cookie", () => {
  test("gets its own cookie by the runtime API", async () => {
    const host = createFakeEdge();
    const state = await up(host, { affinity: "cookie" });
    await up(host, { affinity: "cookie", backends: [WEB1, WEB2, WEB3] }, state);
    const { content } = host.applied.at(-1)!.plan.steps.at(-1)!;
    expect(content!.trimEnd().split("\n").at(-1)).toBe("enable dynamic-cookie backend site");
  });
});

describe("several mappings on one edge", () => {
  test("share a bind by hostname and go one by one", async () => {
    const host = createFakeEdge();
    const site = await up(host, {});
    const shop = await up(host, { mappingName: "shop", hostnames: ["shop.example"] }, undefined, "other");
    expect(fragments(host)).toEqual(["shop", "site"]);
    expect(await portMappingKind.read(callOf(host, site.claim), site)).toMatchObject({ drift: [] });
    await portMappingKind.remove(callOf(host, shop.claim, "other"), shop);
    expect(fragments(host)).toEqual(["site"]);
    expect([...host.edge.running!.servers.keys()]).toEqual(["site"]);
  });

  test("refuse a bind that is taken and name the owner", async () => {
    const host = createFakeEdge();
    await up(host, {});
    const before = host.snapshot();
    await expect(up(host, { mappingName: "shop" }, undefined, "other")).rejects.toThrow(
      'mapping "shop" is refused: bind *:80 has its default already: mapping "site"; give hostnames or a pathPrefix; it belongs to urn:pulumi:dev::p::t::site',
    );
    expect(host.snapshot()).toEqual(before);
  });

  test("refuse a port that a program of the host holds", async () => {
    const host = createFakeEdge();
    host.edge.strangers = [{ pid: 812, program: "nginx", local: "0.0.0.0:80" }];
    await expect(up(host, {})).rejects.toThrow("port 80 is held by nginx, pid 812");
    expect(host.counts.applies).toBe(0);
  });

  test("refuse one that the proxy refuses, and serve on", async () => {
    const host = createFakeEdge();
    await up(host, {});
    const before = host.snapshot();
    host.edge.poison = "shop.example";
    await expect(up(host, { mappingName: "shop", hostnames: ["shop.example"] }, undefined, "other")).rejects.toThrow(
      'mapping "shop" is refused by the proxy, the others serve on',
    );
    expect(host.snapshot()).toEqual(before);
    expect(host.edge.workers).toBe(1);
  });

  test("leave no edge behind when the first of them is refused", async () => {
    const host = createFakeEdge();
    const before = host.snapshot();
    host.edge.poison = "backend site";
    await expect(up(host, {})).rejects.toThrow("is refused by the proxy");
    expect(host.snapshot()).toEqual(before);
  });

  test("lose no fragment when two stacks come at once", async () => {
    const host = createFakeEdge();
    const names = ["a", "b", "c", "d", "e"];
    await Promise.all(
      names.map((name) => up(host, { mappingName: name, hostnames: [`${name}.example`] }, undefined, name)),
    );
    expect(fragments(host)).toEqual(names);
    expect([...host.edge.running!.servers.keys()].sort()).toEqual(names);
  });
});

describe("ownership", () => {
  test("refuses a name of another stack unless it adopts", async () => {
    const host = createFakeEdge();
    const site = await up(host, {});
    await expect(up(host, {}, undefined, "other")).rejects.toThrow("it belongs to urn:pulumi:dev::p::t::site");
    const adopted = await up(host, { adopt: true }, undefined, "other");
    await portMappingKind.remove(callOf(host, site.claim), site);
    expect(fragments(host)).toEqual(["site"]);
    expect(await portMappingKind.read(callOf(host, site.claim), site)).toMatchObject({
      drift: ["mapping site is now of another state: urn:pulumi:dev::p::t::other"],
    });
    expect(adopted.claim).toBe("claim-of-other");
  });

  test("refuses a unit of that name which is not ours", async () => {
    const host = createFakeEdge();
    host.state.files.set(EDGE_UNIT_PATH, { type: "file", mode: "0644", owner: "root:root", content: "[Service]\n" });
    await expect(up(host, {})).rejects.toThrow(HostError);
    expect(host.counts.applies).toBe(0);
  });
});

describe("drift", () => {
  const drifts: readonly (readonly [string, (host: FakeEdge) => void, readonly string[]])[] = [
    ["a weight", (host) => tamper(host.edge, "site", "web1", { weight: 40 }), ["backend web1: weight 100 -> 40"]],
    [
      "maintenance",
      (host) => tamper(host.edge, "site", "web1", { admin: "maint" }),
      ["backend web1 is in maintenance (MAINT), declared ready"],
    ],
    [
      "a drain",
      (host) => tamper(host.edge, "site", "web1", { admin: "drain" }),
      ["backend web1 is in drain (DRAIN), declared ready"],
    ],
    [
      "an address",
      (host) => tamper(host.edge, "site", "web1", { address: "203.0.113.9" }),
      ["backend web1: address 10.0.0.4:20128 -> 203.0.113.9:20128"],
    ],
    [
      "a server gone",
      (host) => host.edge.running!.servers.get("site")!.delete("web2"),
      ["backend web2 is gone from the running proxy"],
    ],
    [
      "a server too many",
      (host) => {
        const servers = host.edge.running!.servers.get("site")!;
        servers.set("evil", { ...servers.get("web1")!, name: "evil" });
      },
      ["backend evil is in the running proxy and not declared"],
    ],
    [
      "a stopped proxy",
      (host) => {
        host.edge.running = undefined;
      },
      ["HAProxy is stopped"],
    ],
    [
      "a changed configuration",
      (host) => change(host, `${EDGE_DIRECTORY}/configuration/haproxy.cfg`, (text) => `${text}#`),
      ["configuration differs from the fragments"],
    ],
    [
      "a configuration's mode",
      (host) => {
        const path = `${EDGE_DIRECTORY}/configuration/haproxy.cfg`;
        host.state.files.set(path, { ...host.state.files.get(path)!, mode: "0666" });
      },
      ["configuration has mode 666:root:root, not 644:root:root"],
    ],
    [
      "a lost configuration",
      (host) => host.state.files.delete(`${EDGE_DIRECTORY}/configuration/haproxy.cfg`),
      ["configuration is gone"],
    ],
    [
      "a changed fragment",
      (host) =>
        change(host, `${EDGE_DIRECTORY}/mappings/site.json`, (text) => text.replace('"weight":100', '"weight":7')),
      ["fragment of mapping site changed", "configuration differs from the fragments"],
    ],
    [
      "a spoilt fragment",
      (host) => change(host, `${EDGE_DIRECTORY}/mappings/site.json`, (text) => `x${text}`),
      [
        "fragment of mapping site changed",
        "fragment of mapping site is unreadable",
        "HAProxy runs on another configuration",
      ],
    ],
    [
      "a lost fragment",
      (host) => host.state.files.delete(`${EDGE_DIRECTORY}/mappings/site.json`),
      [
        "fragment of mapping site is gone",
        "configuration differs from the fragments",
        "HAProxy runs on another configuration",
      ],
    ],
    [
      "a changed unit",
      (host) => change(host, EDGE_UNIT_PATH, (text) => text.replace("NoNewPrivileges=yes", "NoNewPrivileges=no")),
      [`${EDGE_UNIT} changed`, `${EDGE_UNIT} changed on disk and systemd has not read it`],
    ],
    ["a lost unit", (host) => host.state.files.delete(EDGE_UNIT_PATH), [`${EDGE_UNIT} is gone`]],
    [
      "a disabled unit",
      (host) => host.state.units.set(EDGE_UNIT, { ...host.state.units.get(EDGE_UNIT)!, enabled: false }),
      [`${EDGE_UNIT} is disabled`],
    ],
    [
      "a drop-in",
      (host) => {
        host.edge.dropIns = [`/etc/systemd/system/${EDGE_UNIT}.d/x.conf`];
      },
      [`${EDGE_UNIT} has a drop-in: /etc/systemd/system/${EDGE_UNIT}.d/x.conf`],
    ],
    [
      "a changed file of the jail",
      (host) => {
        host.edge.findings = [{ what: "mode", path: "/usr/sbin/haproxy", was: "0755", is: "0777" }];
      },
      ["HAProxy's jail: mode 0755 -> 0777: /usr/sbin/haproxy"],
    ],
    [
      "a user gone",
      (host) => {
        host.edge.user = false;
      },
      ["user pulumi-jail-edge is gone"],
    ],
  ];

  test.each(drifts)("is named and mended: %s", async (_, drift, sentences) => {
    const host = createFakeEdge();
    const state = await up(host, {});
    const sound = [host.snapshot(), structuredClone(host.edge.running)];
    drift(host);
    const read = await portMappingKind.read(callOf(host, state.claim), state);
    expect(read?.drift).toEqual(sentences);
    await up(host, {}, { ...state, ...read! });
    expect([host.snapshot(), host.edge.running]).toEqual(sound);
    expect((await portMappingKind.read(callOf(host, state.claim), state))?.drift).toEqual([]);
  });

  test("that nothing is left of a mapping means that it is gone", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    await portMappingKind.remove(callOf(host, state.claim), state);
    expect(await portMappingKind.read(callOf(host, state.claim), state)).toBeUndefined();
  });

  test("is never told by a host that does not answer", async () => {
    const host = createFakeEdge();
    const state = await up(host, {});
    host.unreachable = true;
    await expect(portMappingKind.read(callOf(host, state.claim), state)).rejects.toThrow(HostError);
    await expect(portMappingKind.remove(callOf(host, state.claim), state)).rejects.toThrow(HostError);
  });
});

describe("a run that is cut off", () => {
  const changes = [
    ["a create", undefined, {}],
    ["a reload", {}, { balance: "roundrobin" }],
    ["a handover", {}, { backends: [WEB3] }],
    ["a rename", {}, { mappingName: "shop" }],
  ] as const;
  test.each(changes)("at any step is finished by the next: %s", async (_, first, then) => {
    const whole = createFakeEdge();
    await up(whole, then, first && (await up(whole, first)));
    const steps = whole.applied.at(-1)!.plan.steps.length;
    for (let done = 0; done <= steps; done++) {
      for (const effect of [false, true]) {
        const host = createFakeEdge();
        const state = first && (await up(host, first));
        host.cutAtStep(done, { effect });
        await expect(up(host, then, state)).rejects.toThrow(HostError);
        await up(host, then, state);
        expect([host.snapshot(), host.edge.running]).toEqual([whole.snapshot(), whole.edge.running]);
      }
    }
  });

  test("at any step of the removal leaves nothing after the next", async () => {
    for (let done = 0; done <= 2; done++) {
      const host = createFakeEdge();
      const before = host.snapshot();
      const state = await up(host, {});
      host.cutAtStep(done, { effect: true });
      await expect(portMappingKind.remove(callOf(host, state.claim), state)).rejects.toThrow(HostError);
      await portMappingKind.remove(callOf(host, state.claim), state);
      expect(host.snapshot()).toEqual(before);
    }
  });
});

describe("diff", () => {
  test("of equal inputs is no change", async () => {
    const state = await up(createFakeEdge(), {});
    expect(portMappingKind.diff(state, inputsOf({}))).toEqual({
      changes: false,
      replaces: [],
      deleteBeforeReplace: false,
      notes: [],
    });
  });

  test.each(Object.keys(inputsOf({})).filter((key) => !key.startsWith("__")))(
    "takes an unknown %s for an update and nothing more",
    async (key) => {
      const state = await up(createFakeEdge(), {});
      const { replaces } = portMappingKind.diff(state, { ...inputsOf({}), [key]: UNKNOWN });
      expect(replaces).toEqual([]);
    },
  );

  test("says what a change does to the proxy", async () => {
    const state = await up(createFakeEdge(), {});
    const notes = (given: object) => portMappingKind.diff(state, inputsOf(given)).notes;
    expect(notes({ backends: [WEB1, { ...WEB2, weight: 40 }] })).toEqual(["web2 weight 100 -> 40 by the runtime API"]);
    expect(notes({ backends: [WEB1, WEB3] })).toEqual(["web3 added, web2 drained and removed by the runtime API"]);
    expect(notes({ balance: "roundrobin", timeouts: { serverSeconds: 5 } })).toEqual(["reload without loss"]);
  });
});

function inputsOf(given: object): PortMappingInputs {
  const { inputs, failures } = portMappingKind.check(undefined, {
    connection: CONNECTION,
    __jail: hiddenOf("site"),
    bindPort: 80,
    mode: "http",
    backends: [WEB1, WEB2],
    ...given,
  });
  expect(failures).toEqual([]);
  return inputs;
}

async function up(host: FakeEdge, given: object, state?: State, who = "site"): Promise<State> {
  const inputs = inputsOf(given);
  const call = callOf(host, state?.claim ?? `claim-of-${who}`, who);
  return { ...inputs, ...(await portMappingKind.converge(call, inputs, state)) };
}

function callOf(host: FakeEdge, claim: string, who = "site"): Call {
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
  return {
    schema: 1,
    name: who,
    host: "edge",
    urn: `urn:pulumi:dev::p::t::${who}`,
    organization: "organization",
    timeouts: {},
    replaceOnChanges: [],
  } as const;
}

function change(host: FakeEdge, path: string, edit: (text: string) => string): void {
  const file = host.state.files.get(path)!;
  host.state.files.set(path, { ...file, content: edit(file.content!) });
}

function certificates(host: FakeEdge): readonly string[] {
  const paths = [...host.state.files.keys()].filter((path) => path.startsWith(`${EDGE_CERTIFICATES}/`));
  return paths.map((path) => path.slice(EDGE_CERTIFICATES.length + 1)).sort();
}

function fragments(host: FakeEdge): readonly string[] {
  return [...host.state.files.keys()]
    .filter((path) => path.endsWith(".json"))
    .map((path) => path.slice(path.lastIndexOf("/") + 1, -".json".length))
    .sort();
}

function serversOf(host: FakeEdge): Readonly<Record<string, string>> {
  const servers = host.edge.running!.servers.get("site")!;
  return Object.fromEntries(
    [...servers.values()].map(({ name, address, port, weight, admin }) => [
      name,
      `${address}:${port} ${weight} ${admin}`,
    ]),
  );
}
