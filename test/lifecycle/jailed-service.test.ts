import { describe, expect, test } from "vitest";
import { StepFailed } from "../../provider/host/errors.ts";
import { describePlan } from "../../provider/host/step.ts";
import type { JailedServiceInputs, JailedServiceOutputs } from "../../provider/jailed-service/inputs.ts";
import { jailedServiceKind } from "../../provider/jailed-service/lifecycle.ts";
import type { PortReservationInputs, PortReservationOutputs } from "../../provider/port-reservation/inputs.ts";
import { portReservationKind } from "../../provider/port-reservation/lifecycle.ts";
import { type Call, Unfinished } from "../../provider/resource/kind.ts";
import { UNKNOWN } from "../../provider/resource/unknown.ts";
import { createFakeServiceHost, fakeLaunch, serviceSnapshot } from "../support/fake-service.ts";

type FakeServiceHost = ReturnType<typeof createFakeServiceHost>;
type State = JailedServiceInputs & JailedServiceOutputs;
type Reservation = PortReservationInputs & PortReservationOutputs;

const ONE = "1111111111111111";
const TWO = "2222222222222222";
const BAD = "bad0000000000000";
const CONNECTION = {
  host: "192.0.2.10",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};
const OVERLAP_TO_B = [
  "checking /var/lib/pulumi-jail/services/web/owner",
  "writing jailed-web@b.service",
  "reloading systemd's units",
  "starting jailed-web@b.service and waiting for health",
  "enabling jailed-web@b.service and jailed-web@b-net.service and pulumi-jail-rules.service",
  "leading web's ports to slot b",
  "waiting for the last connections of jailed-web@a.service",
  "removing jailed-web@a.service",
];
/** Where the two must not run at once, edges are told before the gap and after it. */
const RESTART_TO_B = [
  ...OVERLAP_TO_B.slice(0, 3),
  "telling edges to drain web",
  ...OVERLAP_TO_B.slice(3, 6),
  "telling edges that web is ready",
  "removing jailed-web@a.service",
];

describe("a first service", () => {
  test("makes its user, then everything else, in two plans", async () => {
    const { fake, state } = await served();
    expect(fake.applied.slice(1).map(({ plan }) => describePlan(plan))).toEqual([
      ["checking /var/lib/pulumi-jail/services/web/owner", "marking web", "making the user pj-web"],
      [
        "checking /var/lib/pulumi-jail/services/web/owner",
        "making /var/lib/pulumi-jail/services/web/scratch/var-log-daemon",
        "writing the host's port rules",
        "writing the host's responder",
        "writing jailed-web@a.service",
        "reloading systemd's units",
        "loading the host's port rules",
        "asking what this host enforces",
        "starting jailed-web@a.service and waiting for health",
        "enabling jailed-web@a.service and jailed-web@a-net.service and pulumi-jail-rules.service",
        "leading web's ports to slot a",
        "letting the host's responder listen at 192.0.2.10:20128",
      ],
    ]);
    expect(state).toMatchObject({
      generation: ONE,
      unitName: "jailed-web@a.service",
      exposure: { score: 0.5, notEnforced: ["PrivatePIDs"] },
      uid: 997,
      claim: "claim-1",
      drift: [],
      unfinished: false,
    });
  });

  test("plans nothing when it is as declared, and asks once", async () => {
    const { fake, state, inputs } = await served();
    const { applies, asks } = fake.counts;
    const again = await jailedServiceKind.converge(callOf(fake), inputs({}), state);
    expect(fake.counts).toMatchObject({ applies, asks: asks + 1 });
    expect({ ...inputs({}), ...again }).toEqual(state);
    expect(jailedServiceKind.diff(state, inputs({}))).toMatchObject({ changes: false, replaces: [] });
  });

  test("that does not start is in the state, and nothing of it is left but its mark, user and data", async () => {
    const { fake, inputs } = await reserved();
    const error = await jailedServiceKind
      .converge(callOf(fake), inputs({ generation: BAD }), undefined)
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unfinished);
    const { reasons, outputs } = error as Unfinished<JailedServiceOutputs>;
    expect(reasons.slice(1)).toEqual(["jailed did not start", "log: bad configuration", "no generation serves"]);
    expect(outputs).toMatchObject({ generation: "", unitName: "", claim: "claim-1", unfinished: true });
    const state = { ...inputs({ generation: BAD }), ...outputs };
    const mended = await jailedServiceKind.converge(callOf(fake), inputs({}), state);
    expect(mended).toMatchObject({ generation: ONE, drift: [], unfinished: false });
    const fresh = await served();
    expect(serviceSnapshot(fake)).toEqual(serviceSnapshot(fresh.fake));
  });
});

describe("data that the packages made", () => {
  const line = "/var/lib/daemon holds data and no volume is declared: it is removed with the service";
  const start = async (given: Readonly<Record<string, unknown>>) => {
    const { fake, inputs } = await reserved(given);
    for (const generation of [ONE, TWO]) withData(fake, generation);
    const told: string[] = [];
    const call = { ...callOf(fake), info: (text: string) => told.push(text) };
    const state = { ...inputs({}), ...(await jailedServiceKind.converge(call, inputs({}), undefined)) };
    return { fake, inputs, told, call, state };
  };

  test("without a volume goes with the service, which is told, and no two instances work on it", async () => {
    const { fake, inputs, told, call, state } = await start({});
    expect(told).toEqual([line]);
    expect(state.dataWithoutVolume).toEqual(["/var/lib/daemon"]);
    const path = "/var/lib/pulumi-jail/services/web/scratch/var-lib-daemon";
    expect(fake.state.files.get(path)).toMatchObject({ mode: "0700", owner: "997:997", content: "/var/lib/daemon" });
    await jailedServiceKind.converge(call, inputs({ generation: TWO }), state);
    expect(describePlan(fake.applied.at(-1)!.plan)).toEqual(RESTART_TO_B);
    expect(fake.state.files.get("/etc/systemd/system/jailed-web@b.service")?.content).toContain(
      "Conflicts=jailed-web@a.service\n",
    );
    // Once is enough, until it is to be replaced.
    expect(told).toEqual([line]);
    expect(jailedServiceKind.diff(state, inputs({ serviceName: "other" })).notes).toContain(line);
    expect(jailedServiceKind.diff(state, inputs({ generation: TWO })).notes).not.toContain(line);
    const { dataWithoutVolume: _, ...without } = state;
    expect(jailedServiceKind.diff(without as typeof state, inputs({ serviceName: "other" })).notes).not.toContain(line);
  });

  test("fills a new volume, and is never laid over one that is there", async () => {
    const volumes = { data: { jailPath: "/var/lib/daemon" } };
    const { fake, told, call, state } = await start({ volumes });
    expect(told).toEqual([]);
    const path = "/var/lib/pulumi-jail/volumes/web.data";
    expect(fake.state.files.get(path)).toMatchObject({ mode: "0700", content: "/var/lib/daemon" });
    fake.state.files.set(path, { type: "directory", mode: "0700", owner: "0:0", content: "rows" });
    await jailedServiceKind.converge(call, state, { ...state, drift: [`${path} belongs to uid 0`] });
    expect(fake.state.files.get(path)).toMatchObject({ owner: "997:997", content: "rows" });
    await jailedServiceKind.remove(call, state);
    expect(fake.state.files.get(path)).toMatchObject({ content: "rows" });
  });
});

describe("switchover", () => {
  test("overlap: the new slot is healthy before it gets the ports, the old one drains and goes", async () => {
    const { fake, state, inputs } = await served();
    const next = await jailedServiceKind.converge(callOf(fake), inputs({ generation: TWO }), state);
    expect(describePlan(fake.applied.at(-1)!.plan)).toEqual(OVERLAP_TO_B);
    expect(next).toMatchObject({ generation: TWO, unitName: "jailed-web@b.service", drift: [] });
  });

  test("restart: edges are told to drain, nothing is waited for else, and the units exclude one another", async () => {
    const { fake, inputs, state } = await served({ switchover: "restart" });
    await jailedServiceKind.converge(callOf(fake), inputs({ switchover: "restart", generation: TWO }), state);
    expect(describePlan(fake.applied.at(-1)!.plan)).toEqual(RESTART_TO_B);
    expect(fake.state.files.get("/etc/systemd/system/jailed-web@b.service")?.content).toContain(
      "Conflicts=jailed-web@a.service\n",
    );
  });

  test.each(["overlap", "restart"] as const)(
    "%s to a generation that does not start: the previous one serves",
    async (switchover) => {
      const { fake, inputs, state } = await served({ switchover });
      const before = serviceSnapshot(fake);
      const error = await jailedServiceKind
        .converge(callOf(fake), inputs({ switchover, generation: BAD }), state)
        .catch((thrown: unknown) => thrown);
      expect((error as Unfinished<JailedServiceOutputs>).outputs).toMatchObject({
        generation: ONE,
        unitName: "jailed-web@a.service",
        unfinished: true,
      });
      expect((error as Unfinished<JailedServiceOutputs>).reasons.at(-1)).toBe(`generation ${ONE} serves on`);
      expect(serviceSnapshot(fake)).toEqual(before);
    },
  );

  test("limits, checks, drain and switchover leave the process alone", async () => {
    const { fake, state, inputs } = await served();
    const { starts } = fake.kernel;
    const changed = {
      limits: { memoryMax: "1G" },
      healthCheck: { path: "/", deadlineSeconds: 5 },
      drainSeconds: 1,
      switchover: "restart",
    };
    const next = await jailedServiceKind.converge(callOf(fake), inputs(changed), state);
    expect(next).toMatchObject({ unitName: "jailed-web@a.service", drift: [] });
    expect(fake.kernel.starts).toBe(starts);
    expect(describePlan(fake.applied.at(-1)!.plan)).toEqual([
      "checking /var/lib/pulumi-jail/services/web/owner",
      "writing jailed-web@a.service and jailed-web@a-net.service",
      "reloading systemd's units",
    ]);
  });

  test.each([
    [{ egress: "any" }, 0],
    [{ environment: { A: "b" } }, 1],
    [{ hardening: { UMask: "0027" } }, 1],
    [{ credentials: { key: "x" } }, 1],
    [{ execStart: ["/usr/sbin/daemon", "-x"] }, 1],
    [{ limits: { limitNOFILE: 99 } }, 1],
    [{ volumes: { data: { jailPath: "/srv/data" } } }, 1],
  ])("%j starts %i processes", async (change, starts) => {
    const { fake, state, inputs } = await served();
    const before = fake.kernel.starts;
    const next = await jailedServiceKind.converge(callOf(fake), inputs(change), state);
    expect(next.drift).toEqual([]);
    expect(fake.kernel.starts - before).toBe(starts);
  });
});

describe("laws", () => {
  const cuts = Array.from({ length: 11 }, (_, done) => done).flatMap((done) => [
    { done, effect: false },
    { done, effect: true },
  ]);

  test.each(cuts)("a create cut at step $done (effect: $effect) is finished by the next", async ({ done, effect }) => {
    const { fake, inputs } = await reserved();
    const whole = await served();
    fake.kernel.users.set("pj-web", "pulumi-jail web");
    fake.cutAtStep(done, { effect });
    await expect(jailedServiceKind.converge(callOf(fake), inputs({}), undefined)).rejects.toThrow();
    const outputs = await jailedServiceKind.converge(callOf(fake), inputs({}), undefined);
    expect(outputs.drift).toEqual([]);
    expect(normalized(fake)).toEqual(normalized(whole.fake));
  });

  test.each(cuts.filter(({ done }) => done < 9))(
    "a switchover cut at step $done (effect: $effect) is finished by the next",
    async ({ done, effect }) => {
      const { fake, state, inputs } = await served();
      fake.cutAtStep(done, { effect });
      await expect(jailedServiceKind.converge(callOf(fake), inputs({ generation: TWO }), state)).rejects.toThrow();
      const read = await jailedServiceKind.read(callOf(fake), state);
      expect([ONE, TWO]).toContain(read?.generation);
      const outputs = await jailedServiceKind.converge(callOf(fake), inputs({ generation: TWO }), state);
      expect(outputs).toMatchObject({ generation: TWO, drift: [] });
      expect(running(fake)).toHaveLength(1);
    },
  );

  test.each(cuts.filter(({ done }) => done < 5))(
    "a removal cut at step $done (effect: $effect) is finished by the next",
    async ({ done, effect }) => {
      const { fake, state, reservation } = await served();
      fake.cutAtStep(done, { effect });
      await jailedServiceKind.remove(callOf(fake), state).catch(() => undefined);
      await jailedServiceKind.remove(callOf(fake), state);
      await portReservationKind.remove(callOf(fake, "web-ports"), reservation);
      expect(serviceSnapshot(fake)).toEqual(serviceSnapshot(createFakeServiceHost([ONE, TWO, BAD])));
      await jailedServiceKind.remove(callOf(fake), state);
      expect(await jailedServiceKind.read(callOf(fake), state)).toBeUndefined();
    },
  );

  test("a removal takes the ports away first, and stops nobody who is still connected", async () => {
    const { fake, state } = await served();
    await jailedServiceKind.remove(callOf(fake), state);
    expect(describePlan(fake.applied.at(-1)!.plan)).toEqual([
      "checking /var/lib/pulumi-jail/services/web/owner",
      "taking web's ports away",
      "waiting for the last connections of jailed-web@a.service",
      "removing jailed-web@a.service",
      "removing the user pj-web",
      "removing what web left",
    ]);
  });

  test("a volume outlives removal, unless told otherwise", async () => {
    const volumes = { data: { jailPath: "/srv/data" }, gone: { jailPath: "/srv/gone", removeOnDelete: true } };
    const { fake, state } = await served({ volumes });
    await jailedServiceKind.remove(callOf(fake), state);
    const left = [...fake.state.files.keys()].filter((path) => path.includes("/volumes/"));
    expect(left).toEqual(["/var/lib/pulumi-jail/volumes/web.data"]);
  });

  test("unreachable is not gone", async () => {
    const { fake, state } = await served();
    fake.unreachable = true;
    await expect(jailedServiceKind.read(callOf(fake), state)).rejects.toThrow(/cannot connect/);
    await expect(jailedServiceKind.remove(callOf(fake), state)).rejects.toThrow(/cannot connect/);
  });

  test("every input unknown in turn: no failure, no replacement", async () => {
    const { state, inputs } = await served();
    const given = inputs({
      environment: { A: "b" },
      volumes: {},
      limits: {},
      hardening: {},
      healthCheck: {},
      gate: { url: "http://192.0.2.9/" },
      execStart: ["/x"],
      connects: {},
      credentials: {},
      configFiles: {},
    });
    for (const name of Object.keys(given)) {
      if (name === "__jail") continue;
      const checked = jailedServiceKind.check(state, { ...given, [name]: UNKNOWN });
      expect(checked.failures).toEqual([]);
      expect(jailedServiceKind.diff(state, checked.inputs)).toMatchObject({ changes: true, replaces: [] });
    }
  });
});

describe("ownership", () => {
  test("another stack's service is refused, naming its owner; adopt takes it over", async () => {
    const { fake, inputs } = await served();
    const other = {
      ...callOf(fake),
      owner: { ...callOf(fake).owner, stack: "prod", urn: "urn:other", claim: "claim-2" },
    };
    await expect(jailedServiceKind.converge(other, inputs({}), undefined)).rejects.toThrow(/belongs to urn:test::web/);
    const adopted = await jailedServiceKind.converge(other, inputs({ adopt: true }), undefined);
    expect(adopted).toMatchObject({ claim: "claim-2", drift: [] });
    expect(fake.kernel.starts).toBe(1);
  });

  test("a delete of a life that was taken over does nothing", async () => {
    const { fake, state, inputs } = await served();
    const again = { ...callOf(fake), owner: { ...callOf(fake).owner, claim: "claim-2" } };
    await jailedServiceKind.converge(again, inputs({}), undefined);
    const { applies } = fake.counts;
    await jailedServiceKind.remove(callOf(fake), state);
    expect(fake.counts.applies).toBe(applies);
    expect(running(fake)).toHaveLength(1);
  });

  test("a unit of this name without a mark is refused", async () => {
    const { fake, inputs } = await reserved();
    const path = "/etc/systemd/system/jailed-web@a.service";
    fake.state.files.set(path, { type: "file", mode: "0644", owner: "root:root", content: "[Service]\n" });
    await expect(jailedServiceKind.converge(callOf(fake), inputs({}), undefined)).rejects.toThrow(
      /not ours \(no mark\)/,
    );
    expect(fake.state.files.get(path)?.content).toBe("[Service]\n");
  });

  test("a mark that changed under the plan stops it", async () => {
    const { fake, state, inputs } = await served();
    fake.failStep("expect-file", "changed by somebody else meanwhile", { code: 3 });
    await expect(jailedServiceKind.converge(callOf(fake), inputs({ generation: TWO }), state)).rejects.toBeInstanceOf(
      StepFailed,
    );
    expect(running(fake)).toEqual(["jailed-web@a.service"]);
  });
});

async function reserved(given: Readonly<Record<string, unknown>> = {}) {
  const fake = createFakeServiceHost([ONE, TWO, BAD]);
  const ports = given["ports"] ?? { http: 80 };
  const checked = portReservationKind.check(undefined, { connection: CONNECTION, __jail: hidden("web-ports"), ports });
  const outputs = await portReservationKind.converge(callOf(fake, "web-ports"), checked.inputs, undefined);
  const inputs = (more: Readonly<Record<string, unknown>>): JailedServiceInputs => {
    const all = {
      connection: CONNECTION,
      __jail: hidden("web"),
      jailName: "app",
      generation: ONE,
      ports,
      endpoints: outputs.endpoints,
    };
    const { inputs: service, failures } = jailedServiceKind.check(undefined, { ...all, ...given, ...more });
    expect(failures).toEqual([]);
    return service;
  };
  const reservation: Reservation = { ...checked.inputs, ...outputs };
  return { fake, inputs, reservation };
}

/** A generation whose packages made data that the daemon changes. */
function withData(fake: FakeServiceHost, generation: string): void {
  const base = `/var/lib/pulumi-jail/jails/app/generations/${generation}`;
  const writable = [...fakeLaunch.writable, { path: "/var/lib/daemon", kind: "state", mode: "0700" }];
  const seeds = [{ path: "/var/lib/daemon", files: 3, bytes: 100, changed: true }];
  const write = (path: string, content: string) =>
    fake.state.files.set(path, { type: "file", mode: "0600", owner: "root:root", content });
  write(`${base}.launch.json`, JSON.stringify({ ...fakeLaunch, writable }));
  write(`${base}.manifest.json`, `{\n"seeds":${JSON.stringify(seeds)}\n}\n`);
}

async function served(given: Readonly<Record<string, unknown>> = {}) {
  const start = await reserved(given);
  const outputs = await jailedServiceKind.converge(callOf(start.fake), start.inputs({}), undefined);
  const state: State = { ...start.inputs({}), ...outputs };
  return { ...start, state };
}

function running(fake: FakeServiceHost): readonly string[] {
  return [...fake.state.units]
    .filter(([name, unit]) => /@[ab]\.service$/.test(name) && unit.activeState === "active")
    .map(([name]) => name);
}

/** A create that was cut may have ended in the other slot: which one is nobody's business. */
function normalized(fake: FakeServiceHost): unknown {
  const text = JSON.stringify(serviceSnapshot(fake))
    .replace(/@b/g, "@a")
    .replace(/-web-b|pjv-0b/g, (name) => name.replace(/b$/, "a"));
  return text
    .replace(/100\.127\.0\.\d/g, "100.127.0.N")
    .replace(/services\/web\/b\//g, "services/web/a/")
    .replace(/slot b/g, "slot a")
    .replace(/[0-9a-f]{64}/g, "DIGEST");
}

function hidden(name: string) {
  return {
    schema: 1,
    name,
    host: "web1",
    urn: `urn:test::${name}`,
    organization: "organization",
    timeouts: {},
    replaceOnChanges: [],
  } as const;
}

function callOf(fake: FakeServiceHost, name = "web"): Call {
  const owner = {
    organization: "organization",
    project: "project",
    stack: "dev",
    urn: `urn:test::${name}`,
    claim: "claim-1",
  };
  return { host: fake, progress: () => undefined, owner, deadlineSeconds: 60, hostFor: () => fake };
}

describe("the host's responder", () => {
  const respond = "/var/lib/pulumi-jail-responder/respond";

  test.each([
    ["its program", (fake: FakeServiceHost) => fake.state.files.delete(respond), `${respond} is gone`],
    [
      "its socket",
      (fake: FakeServiceHost) => fake.kernel.listens.clear(),
      "the host's responder does not listen at 192.0.2.10:20128",
    ],
    [
      "a drop-in",
      (fake: FakeServiceHost) =>
        fake.state.files.set("/etc/systemd/system/pulumi-jail-responder@.service.d/x.conf", {
          type: "file",
          mode: "0644",
          owner: "root:root",
          content: "[Service]\nUser=root\n",
        }),
      "x.conf overrides the responder's units",
    ],
  ])(
    "%s is named when it is not as it should be, and is mended without touching the service",
    async (_, spoil, text) => {
      const { fake, state, inputs } = await served();
      const before = serviceSnapshot(fake);
      spoil(fake);
      expect((await jailedServiceKind.read(callOf(fake), state))?.drift).toEqual([text]);
      const { starts } = fake.kernel;
      await jailedServiceKind.converge(callOf(fake), inputs({}), { ...state, drift: [text] });
      expect(serviceSnapshot(fake)).toEqual(before);
      expect(fake.kernel.listens).toEqual(new Set(["192.0.2.10:20128"]));
      expect(fake.kernel.starts).toBe(starts);
    },
  );

  test("a drain that a killed run left is named, and ended by the next", async () => {
    const { fake, state, inputs } = await served();
    const mark = "/run/pulumi-jail-draining/web";
    fake.state.files.set(mark, { type: "file", mode: "0644", owner: "root:root", content: "1\n" });
    expect((await jailedServiceKind.read(callOf(fake), state))?.drift).toEqual(["edges are still told to drain it"]);
    await jailedServiceKind.converge(callOf(fake), inputs({}), { ...state, drift: ["x"] });
    expect(fake.state.files.has(mark)).toBe(false);
  });

  test("is not there for a service without ports", async () => {
    const { fake } = await served({ ports: {} });
    expect(fake.state.files.has(respond)).toBe(false);
  });
});

test("a program that listens on a port of the service is named with its pid, and is no drift", async () => {
  const { fake, state } = await served();
  fake.kernel.strangers.push("tcp 29438 nginx 812");
  const told: string[] = [];
  const call = { ...callOf(fake), info: (text: string) => told.push(text) };
  expect((await jailedServiceKind.read(call, state))?.drift).toEqual([]);
  expect(told).toEqual([
    "port 29438/tcp is also held by nginx, pid 812, which nobody reaches while the port leads to the jail",
  ]);
});
