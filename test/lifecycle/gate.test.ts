import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { describePlan } from "../../provider/host/step.ts";
import type { JailedServiceInputs, JailedServiceOutputs } from "../../provider/jailed-service/inputs.ts";
import { jailedServiceKind } from "../../provider/jailed-service/lifecycle.ts";
import { portReservationKind } from "../../provider/port-reservation/lifecycle.ts";
import { type Call, Unfinished } from "../../provider/resource/kind.ts";
import { UNKNOWN } from "../../provider/resource/unknown.ts";
import { createFakeServiceHost, serviceSnapshot } from "../support/fake-service.ts";

const ONE = "1111111111111111";
const TWO = "2222222222222222";
const connection = { host: "192.0.2.10", port: 22, user: "root", sudo: false, hostKey: "ssh-ed25519 AAAA" };

let server: Server | undefined;
afterEach(() => server?.close());

describe("a gate", () => {
  test("is not asked at a first start, which has nothing to go back to", async () => {
    const { asked } = await site([]);
    expect(asked()).toBe(0);
  });

  test("is asked once the new slot has the ports; the old one is there until it is passed", async () => {
    const { fake, inputs, state, call, asked } = await site([200, 301, 200]);
    const next = await jailedServiceKind.converge(call, inputs({ generation: TWO }), state);
    expect(asked()).toBe(3);
    expect(next).toMatchObject({ generation: TWO, unitName: "jailed-web@b.service", drift: [] });
    const [trial, rest] = fake.applied.slice(-2).map(({ plan }) => describePlan(plan));
    expect(trial?.at(-1)).toBe("leading web's ports to slot b");
    expect(rest).toEqual([
      "checking /var/lib/pulumi-jail/services/web/owner",
      "waiting for the last connections of jailed-web@a.service",
      "removing jailed-web@a.service",
    ]);
  });

  test("that fails sends the ports back, takes the new slot away and tells why, without the URL", async () => {
    const { fake, inputs, state, call, asked } = await site([200, 503]);
    const before = serviceSnapshot(fake);
    const starts = fake.kernel.starts;
    const error = await failureOf(jailedServiceKind.converge(call, inputs({ generation: TWO }), state));
    expect(asked()).toBe(2);
    expect(error.reasons).toEqual([
      "the gate failed 1 of 2 times, 0 allowed: status 503 1 time",
      `generation ${ONE} serves on`,
    ]);
    expect(error.outputs).toMatchObject({ generation: ONE, unitName: "jailed-web@a.service", unfinished: true });
    expect(serviceSnapshot(fake)).toEqual(before);
    // The old one never stopped: only the new one was started.
    expect(fake.kernel.starts).toBe(starts + 1);
    expect(JSON.stringify([error.reasons, fake.applied.map(({ plan }) => plan)])).not.toContain("s3cret");
    const mended = await jailedServiceKind.converge(call, inputs({ gate: undefined, generation: TWO }), {
      ...inputs({ generation: TWO }),
      ...error.outputs,
    });
    expect(mended).toMatchObject({ generation: TWO, drift: [] });
  });

  test("that fails starts the previous process again where the two exclude one another", async () => {
    const { fake, inputs, state, call } = await site([500], { switchover: "restart" });
    const before = serviceSnapshot(fake);
    const next = inputs({ switchover: "restart", generation: TWO });
    const error = await failureOf(jailedServiceKind.converge(call, next, state));
    expect(error.outputs).toMatchObject({ generation: ONE, unitName: "jailed-web@a.service" });
    expect(serviceSnapshot(fake)).toEqual(before);
  });

  test("lets so many failures pass as are allowed, one that does not answer among them", async () => {
    const gate = { maxFailures: 2 };
    const { inputs, state, call } = await site([503, 0, 200], {}, gate);
    const next = await jailedServiceKind.converge(call, inputs({ generation: TWO }), state);
    expect(next).toMatchObject({ generation: TWO, drift: [] });
  });

  test("is asked by the next run when one was cut before its verdict", async () => {
    const { fake, inputs, state, call, asked } = await site([200, 200, 200]);
    const cut = { ...call, progress: cutOff };
    await expect(jailedServiceKind.converge(cut, inputs({ generation: TWO }), state)).rejects.toThrow("cut off");
    const read = await jailedServiceKind.read(call, state);
    expect(read).toMatchObject({
      generation: TWO,
      drift: expect.arrayContaining(["slot a holds the rest of a switchover"]),
    });
    const before = asked();
    const next = await jailedServiceKind.converge(call, inputs({ generation: TWO }), state);
    expect(asked() - before).toBe(3);
    expect(next).toMatchObject({ generation: TWO, drift: [] });
    expect(
      [...fake.state.units].filter(([name, unit]) => /@[ab]\.service$/.test(name) && unit.activeState === "active"),
    ).toHaveLength(1);
  });

  test("may be unknown as a whole or in part, in a preview", async () => {
    const { inputs, state } = await site([]);
    for (const gate of [UNKNOWN, { url: UNKNOWN }, { url: "http://192.0.2.9/", samples: UNKNOWN, maxFailures: 3 }]) {
      const checked = jailedServiceKind.check(state, { ...inputs({}), gate });
      expect(checked.failures).toEqual([]);
      expect(jailedServiceKind.diff(state, checked.inputs)).toMatchObject({ changes: true, replaces: [] });
    }
  });

  test("is checked with its path, and its URL is never shown", () => {
    const gate = { url: "ftp://x/?token=s3cret", samples: 2, maxFailures: 2, pause: 1 };
    const { failures } = jailedServiceKind.check(undefined, { gate, connection, __jail: hidden("web") });
    const own = failures.filter(({ property }) => property.startsWith("gate"));
    expect(own).toEqual([
      { property: "gate.url", reason: 'is no "http://" or "https://" URL' },
      { property: "gate.pause", reason: '"pause" is not known here' },
      { property: "gate.maxFailures", reason: "2 of 2 samples may fail: it lets everything pass" },
    ]);
  });
});

/** A service that serves generation ONE, and a gate that answers so; 0 ends the connection. */
async function site(statuses: readonly number[], given: object = {}, gate: object = {}) {
  let requests = 0;
  server = createServer((_, answer) => {
    const status = statuses[requests++] ?? 200;
    if (status === 0) answer.destroy();
    else answer.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/?token=s3cret`;
  const fake = createFakeServiceHost([ONE, TWO]);
  const ports = { http: 80 };
  const reserve = portReservationKind.check(undefined, { connection, __jail: hidden("web-ports"), ports });
  const { endpoints } = await portReservationKind.converge(callOf(fake, "web-ports"), reserve.inputs, undefined);
  const inputs = (more: Readonly<Record<string, unknown>>): JailedServiceInputs => {
    const checked = jailedServiceKind.check(undefined, {
      connection,
      __jail: hidden("web"),
      jailName: "app",
      generation: ONE,
      ports,
      endpoints,
      settleSeconds: 0.1,
      gate: { url, samples: 3, ...gate },
      ...given,
      ...more,
    });
    expect(checked.failures).toEqual([]);
    return checked.inputs;
  };
  const call = callOf(fake, "web");
  const state = { ...inputs({}), ...(await jailedServiceKind.converge(call, inputs({}), undefined)) };
  return { fake, inputs, state, call, asked: () => requests };
}

async function failureOf(run: Promise<unknown>): Promise<Unfinished<JailedServiceOutputs>> {
  const error = await run.then(
    () => new Error("it did not fail"),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Unfinished);
  return error as Unfinished<JailedServiceOutputs>;
}

/** Ends a run while it asks the gate. */
function cutOff(text: string): void {
  if (text.startsWith("asking the gate")) throw new Error("cut off");
}

function hidden(name: string) {
  const urn = `urn:test::${name}`;
  const more = { organization: "organization", timeouts: {}, replaceOnChanges: [] } as const;
  return { schema: 1, name, host: "web1", urn, ...more } as const;
}

function callOf(fake: ReturnType<typeof createFakeServiceHost>, name: string): Call {
  const urn = `urn:test::${name}`;
  const owner = { organization: "organization", project: "project", stack: "dev", urn, claim: "claim-1" };
  return { host: fake, progress: () => undefined, owner, deadlineSeconds: 60, hostFor: () => fake };
}
