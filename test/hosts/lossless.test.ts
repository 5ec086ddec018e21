/** Changes of every kind under an open-loop load. `npm run soak:lossless` has 100,000 requests or more and a reboot; `npm test` some thousands. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuditedResponder, appliedOn, endAudited, startAudited } from "../support/audited-responder.ts";
import { get } from "../support/http-get.ts";
import { CLIENTS, type OpenLoad, type Outcome, startOpenLoad } from "../support/open-load.ts";
import type { State } from "./edge-site.ts";
import { endpointOf, killReplica, type LosslessSite, openLosslessSite, type Replica } from "./lossless-site.ts";
import { shell, until } from "./ssh-site.ts";

const isSoak = process.env["PULUMI_JAIL_SOAK"] !== undefined;
const RATE = 200;
const LEAST_REQUESTS = isSoak ? 100_000 : 5_000;
const MOST_SECONDS = isSoak ? 1_500 : 250;
const EDGE_UNIT = "pulumi-jail-edge.service";
const EVENTS_PORT = 8080;

let site: LosslessSite;
let load: OpenLoad;
/** The mappings: of the jailed services, and of the responders for POSTs and websockets. */
let web: State;
let events: State;
let replicas: readonly Replica[];
let responders: readonly AuditedResponder[];
/** Failures that a killed backend explains, in all. */
const explained: Outcome[] = [];
let requests = 0;

beforeAll(async () => {
  site = await openLosslessSite();
  [replicas, responders] = await Promise.all([site.startReplicas(), site.startEvents()]);
  web = await site.edge.up({ mappingName: "web", mode: "http", bindPort: 80, backends: replicas.map(endpointOf) });
  events = await site.edge.up({ ...eventsGiven(), backends: responders.map(backendOf) });
});
afterAll(() => site?.close());

/** The same code with fewer turns in `npm test`. */
function turns(soak: number, short: number): number {
  return isSoak ? soak : short;
}

function eventsGiven(): object {
  return { mappingName: "events", mode: "http", bindPort: EVENTS_PORT };
}

function backendOf({ name, address, hostPort }: AuditedResponder) {
  return { name, address, hostPort };
}

async function changeWeb(given: object): Promise<void> {
  const backends = replicas.map(endpointOf);
  web = await site.edge.up({ mappingName: "web", mode: "http", bindPort: 80, backends, ...given }, web);
}

async function changeEvents(given: object): Promise<void> {
  events = await site.edge.up({ ...eventsGiven(), backends: responders.map(backendOf), ...given }, events);
}

/** Each is another configuration than the one before it; some go by the runtime API, some by reload. */
async function changeConfiguration(number: number): Promise<void> {
  const [first, second] = replicas.map(endpointOf);
  const [left, right] = responders.map(backendOf);
  const ways: readonly (() => Promise<void>)[] = [
    () => changeWeb({ backends: [first, { ...second, weight: 40 }] }),
    () => changeWeb({ balance: "roundrobin" }),
    () => changeWeb({ backends: [first] }),
    () => changeWeb({ healthCheck: { type: "http", path: "/" } }),
    () => changeEvents({ backends: [left, { ...right, state: "maint" }] }),
    () => changeEvents({ timeouts: { serverSeconds: 40 } }),
    () => changeWeb({ backends: [second, { ...first, state: "drain" }] }),
    () => changeEvents({ backends: [right] }),
    () => changeWeb({ balance: "random" }),
    () => changeEvents({}),
  ];
  await ways[number % ways.length]!();
}

/** Counts what was asked meanwhile; nothing but what a killed backend had in its hands may have failed. */
async function lossless(what: string, act: () => Promise<void>, killed?: ReadonlySet<string>): Promise<void> {
  await load.settle();
  await act();
  const count = await load.settle();
  requests += count.total;
  const unexplained = count.failures.filter((outcome) => !killed || !isExplained(outcome, killed));
  const inHands = count.failures.length - unexplained.length;
  const each = CLIENTS.map((client) => `${count.requests[client]} ${client}`).join(", ");
  const cut = inHands > 0 ? `; ${inHands} that killed backends had begun` : "";
  console.log(`${unexplained.length} of ${count.total} requests failed (${each}) over ${what}${cut}`);
  expect(unexplained).toEqual([]);
  expect(count.total).toBeGreaterThan(0);
  explained.push(...count.failures);
}

/** A POST that was sent may have been applied, so it is not sent again; a tunnel ends with its backend. A GET has no excuse. */
function isExplained({ client, error, by }: Outcome, killed: ReadonlySet<string>): boolean {
  if (client === "POST") return error === "status 502" || error === "status 504";
  return client === "websocket" && (by === undefined || killed.has(by));
}

describe("an open-loop load of kept and new connections, POSTs and websockets", () => {
  test.each(CLIENTS)("control: a proxy that is stopped and started is counted as failed by: %s", async (client) => {
    const control = start();
    await until(() => control.total() > 20);
    await shell(site.edgeHost, `systemctl stop ${EDGE_UNIT}`);
    await until(() => control.failed(client) > 0);
    await shell(site.edgeHost, `systemctl start ${EDGE_UNIT}`);
    const { failures } = await control.settle();
    console.log(`control: ${failures.filter((one) => one.client === client).length} failed by ${client}`);
    await control.stop();
  });

  test("control: an id that is applied twice is seen", async () => {
    const url = `http://${site.edgeHost.address}:${EVENTS_PORT}/twice`;
    for (let time = 0; time < 2; time += 1) expect((await fetch(url, { method: "POST", body: "{}" })).status).toBe(200);
    expect((await appliedOn(site.webs)).get("twice")).toBe(2);
  });

  test("begins", async () => {
    load = start();
    await load.reach(50);
  });
});

describe("no request fails over", () => {
  const CHANGES = turns(100, 6);
  test(`${CHANGES} changes of the configuration`, { timeout: 900_000 }, () =>
    lossless(`${CHANGES} changes of the configuration`, async () => {
      for (let change = 0; change < CHANGES; change += 1) await changeConfiguration(change);
      await changeWeb({});
      await changeEvents({});
    }),
  );

  const EDITS = turns(30, 2);
  test(`${EDITS} edits of weights`, () =>
    lossless(`${EDITS} edits of weights`, async () => {
      for (let edit = 1; edit <= EDITS; edit += 1) {
        await changeWeb({
          backends: replicas.map((one, at) => ({ ...endpointOf(one), weight: 1 + ((edit * 37 + at * 90) % 255) })),
        });
        expect(web.lastChange.by).toBe("runtime-api");
      }
      await changeWeb({});
    }));

  const RELOADS = turns(20, 2);
  test(`${RELOADS} reloads`, () =>
    lossless(`${RELOADS} reloads`, async () => {
      for (let reload = 0; reload < RELOADS; reload += 1) await shell(site.edgeHost, `systemctl reload ${EDGE_UNIT}`);
    }));

  const SWITCHES = turns(4, 1);
  test(`${SWITCHES} switches of generation of every jail`, () =>
    lossless(`${SWITCHES} switches of generation of every jail`, async () => {
      for (let time = 0; time < SWITCHES; time += 1) for (const one of replicas) await site.switchGeneration(one);
    }));

  const REPLACEMENTS = turns(10, 1);
  test(`${REPLACEMENTS} replacements of every backend`, { timeout: 900_000 }, () =>
    lossless(`${REPLACEMENTS} replacements of every backend`, async () => {
      for (let time = 0; time < REPLACEMENTS; time += 1) {
        const [oldReplicas, oldResponders] = [replicas, responders];
        [replicas, responders] = await Promise.all([site.startReplicas(), site.startEvents()]);
        await Promise.all([changeWeb({}), changeEvents({})]);
        await Promise.all([site.endReplicas(oldReplicas), site.endEvents(oldResponders)]);
      }
    }),
  );

  const TOGETHER = turns(5, 1);
  test(
    `${TOGETHER} reloads that replace every backend, which ends as soon as they are made`,
    { timeout: 900_000 },
    () =>
      lossless(`${TOGETHER} reloads that replace every backend`, async () => {
        for (let time = 0; time < TOGETHER; time += 1) {
          const [oldReplicas, oldResponders] = [replicas, responders];
          [replicas, responders] = await Promise.all([site.startReplicas(), site.startEvents()]);
          const seconds = 40 + (time % 2);
          await changeEvents({ timeouts: { serverSeconds: seconds } });
          expect(events.lastChange.by).toBe("reload");
          await site.endEvents(oldResponders);
          await changeWeb({ timeouts: { serverSeconds: seconds } });
          await site.endReplicas(oldReplicas);
        }
        await Promise.all([changeWeb({}), changeEvents({})]);
      }),
  );

  const SCALES = turns(3, 1);
  test(`${SCALES} times from 2 backends to 8 and back`, { timeout: 900_000 }, () =>
    lossless(`${SCALES} times from 2 backends to 8 and back`, async () => {
      for (let time = 0; time < SCALES; time += 1) {
        const [two, twoResponders] = [replicas, responders];
        for (let more = 0; more < 3; more += 1) {
          // A jailed service takes a second or two to start.
          if (more === 0 || isSoak) replicas = [...replicas, ...(await site.startReplicas())];
          responders = [...responders, ...(await site.startEvents())];
        }
        await Promise.all([changeWeb({}), changeEvents({})]);
        expect([web.backends.length, events.backends.length]).toEqual([isSoak ? 8 : 4, 8]);
        const [eight, eightResponders] = [replicas, responders];
        [replicas, responders] = [two, twoResponders];
        await Promise.all([changeWeb({}), changeEvents({})]);
        await site.endReplicas(eight.filter((one) => !two.includes(one)));
        await site.endEvents(eightResponders.filter((one) => !twoResponders.includes(one)));
      }
    }),
  );

  const KILLS = turns(10, 1);
  test(`${KILLS} kill -9 of a jailed service and of a responder`, { timeout: 900_000 }, async () => {
    const killed = new Set<string>();
    await lossless(
      `${KILLS} kill -9 of backends`,
      async () => {
        for (let time = 0; time < KILLS; time += 1) {
          const replica = replicas[time % 2]!;
          const { address, hostPort } = endpointOf(replica);
          await killReplica(replica);
          await until(async () => (await get(`http://${address}:${hostPort}/`)).status === 200);
          const at = (time + 1) % 2;
          const { host, name, hostPort: port } = responders[at]!;
          killed.add(name);
          await endAudited(responders[at]!, "KILL");
          await until(async () => (await shell(host, `ss -Hltn 'sport = :${port}'`)) === "");
          const next = await startAudited(host, `${name.replace(/-k\d+$/, "")}-k${time}`, port);
          responders = responders.map((one, index) => (index === at ? next : one));
          await changeEvents({});
          await bothServe();
        }
      },
      killed,
    );
  });

  test.runIf(isSoak)("a reboot of a web host", { timeout: 600_000 }, async () => {
    const [stays, goes] = [responders[0]!, responders[1]!];
    await lossless(
      "a reboot of a web host",
      async () => {
        await site.webs[1]!.reboot();
        const again = await startAudited(goes.host, `${goes.name}-again`, goes.hostPort);
        responders = [stays, again];
        await changeEvents({});
        await bothServe();
      },
      new Set([goes.name]),
    );
  });

  test(`all of it: ${LEAST_REQUESTS} requests or more, and every POST is applied once`, {
    timeout: 900_000,
  }, async () => {
    await lossless("the rest", () => load.reach(LEAST_REQUESTS));
    await load.stop();
    const applied = await appliedOn(site.webs);
    const twice = [...applied].filter(([id, times]) => times > 1 && id !== "twice");
    const lost = [...load.acknowledged].filter((id) => !applied.has(id));
    const posts = explained.filter(({ client }) => client === "POST");
    const cut = posts.filter(({ id }) => applied.has(id!)).length;
    const tunnels = explained.filter(({ client }) => client === "websocket").length;
    console.log(
      `all: 0 of ${load.total()} requests failed but for what killed backends had begun: ${posts.length} POSTs (${cut} applied once, ${posts.length - cut} never, none sent again), ${tunnels} messages of tunnels; ` +
        `${load.acknowledged.size} POSTs were answered: ${lost.length} of them lost, ${twice.length} applied twice; arrivals were late by ${load.lag()} ms at most`,
    );
    expect({ twice, lost }).toEqual({ twice: [], lost: [] });
    expect(load.acknowledged.size).toBeGreaterThan(LEAST_REQUESTS / 20);
    expect(requests).toBeGreaterThanOrEqual(LEAST_REQUESTS * 0.9);
  });
});

/** Until the proxy has both backends of each mapping again: the next kill would else be of the last one. */
async function bothServe(): Promise<void> {
  const socket =
    'perl -MIO::Socket::UNIX -e \'$s = IO::Socket::UNIX->new(Peer => "/run/pulumi-jail-edge/admin.sock") or die; print $s "show stat -1 4 -1\\n"; $s->flush; print while <$s>\'';
  await until(async () => ((await shell(site.edgeHost, socket)).match(/,UP,/g) ?? []).length === 4);
}

function start(): OpenLoad {
  const url = `http://${site.edgeHost.address}/`;
  const eventsUrl = `http://${site.edgeHost.address}:${EVENTS_PORT}/`;
  return startOpenLoad({ url, eventsUrl, rate: RATE, mostSeconds: MOST_SECONDS });
}
