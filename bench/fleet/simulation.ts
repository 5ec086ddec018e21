import "./run-time.ts";
import { place } from "../../provider/fleet/placement.ts";
import { dependenciesOf, rolloutOrder, wavesOf } from "../../provider/fleet/waves.ts";
import type { JailedServiceInputs } from "../../provider/jailed-service/inputs.ts";
import { jailedServiceKind } from "../../provider/jailed-service/lifecycle.ts";
import { portReservationKind } from "../../provider/port-reservation/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { createFakeServiceHost } from "../../test/support/fake-service.ts";

/** A fleet of so many hosts, as far as code alone can tell. */
export interface Simulated {
  readonly hosts: number;
  readonly placementMs: number;
  /** How many members move when one host is added to those, and when one is taken out. */
  readonly movedByOneMore: number;
  readonly movedByOneLess: number;
  readonly waves: number;
  /** Of the graph: what members wait for, all together. */
  readonly edges: number;
  /** What they would be if each waited for the whole wave before. */
  readonly edgesOfAll: number;
  /** Round trips of one member: create, a new generation, nothing to do. */
  readonly roundTrips: Readonly<Record<"create" | "change" | "nothing", number>>;
  /** The provider's own processor time for one change of one member, its host's answers at no cost. */
  readonly changeMs: number;
}

const GENERATIONS = ["1111111111111111", "2222222222222222"] as const;
const connection = {
  host: "192.0.2.10",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};

/** Places and chains a fleet of `count` hosts with a member each, and converges every member on a fake host of its own. */
export async function simulate(count: number): Promise<Simulated> {
  const hosts = Array.from({ length: count + 1 }, (_, index) => ({
    name: `host${index + 1}`,
    slots: 1 + (index % 3),
    labels: {},
  }));
  const now = hosts.slice(0, count);
  const began = performance.now();
  const seats = place("web", now, count, {});
  const placementMs = performance.now() - began;
  const moved = (others: typeof hosts) => {
    const placed = new Set(place("web", others, count, {}).map(({ host, number }) => `${host}-${number}`));
    return seats.filter(({ host, number }) => !placed.has(`${host}-${number}`)).length;
  };
  const ordered = rolloutOrder(
    seats,
    now.map(({ name }) => name),
  );
  const waves = wavesOf(ordered, {});
  const edges = [...dependenciesOf(waves).values()].reduce((sum, { length }) => sum + length, 0);
  const edgesOfAll = waves.reduce((sum, wave, index) => sum + wave.length * (waves[index - 1]?.length ?? 0), 0);
  const members = await convergeAll(seats.length);
  return {
    hosts: count,
    placementMs,
    movedByOneMore: moved(hosts),
    movedByOneLess: moved(hosts.slice(0, count - 1)),
    waves: waves.length,
    edges,
    edgesOfAll,
    ...members,
  };
}

async function convergeAll(count: number): Promise<Pick<Simulated, "roundTrips" | "changeMs">> {
  const sum = { create: 0, change: 0, nothing: 0 };
  let changeMs = 0;
  for (let member = 0; member < count; member += 1) {
    const fake = createFakeServiceHost(GENERATIONS);
    const call = callOf(fake);
    const ports = { http: 80 };
    const reserve = portReservationKind.check(undefined, { connection, __jail: hidden("web-ports"), ports });
    const { endpoints } = await portReservationKind.converge(call, reserve.inputs, undefined);
    const inputs = (generation: string): JailedServiceInputs =>
      jailedServiceKind.check(undefined, {
        ...{ connection, __jail: hidden("web"), jailName: "app", generation, ports, endpoints },
      }).inputs;
    const trips = async <Result>(run: () => Promise<Result>): Promise<readonly [Result, number]> => {
      const before = fake.counts.asks + fake.counts.applies;
      const result = await run();
      return [result, fake.counts.asks + fake.counts.applies - before];
    };
    const [outputs, create] = await trips(() => jailedServiceKind.converge(call, inputs(GENERATIONS[0]), undefined));
    const state = { ...inputs(GENERATIONS[0]), ...outputs };
    const began = process.cpuUsage();
    const [next, change] = await trips(() => jailedServiceKind.converge(call, inputs(GENERATIONS[1]), state));
    const { user, system } = process.cpuUsage(began);
    changeMs += (user + system) / 1000;
    const [, nothing] = await trips(() => jailedServiceKind.read(call, { ...inputs(GENERATIONS[1]), ...next }));
    sum.create += create;
    sum.change += change;
    sum.nothing += nothing;
  }
  const each = (total: number) => total / count;
  return {
    roundTrips: { create: each(sum.create), change: each(sum.change), nothing: each(sum.nothing) },
    changeMs: each(changeMs),
  };
}

function hidden(name: string) {
  const urn = `urn:pulumi:dev::fleet::pulumi-nodejs:dynamic/jail:JailedService::${name}`;
  const more = { organization: "organization", timeouts: {}, replaceOnChanges: [] } as const;
  return { schema: 1, name, host: "web1", urn, ...more } as const;
}

function callOf(fake: ReturnType<typeof createFakeServiceHost>): Call {
  const owner = { organization: "organization", project: "fleet", stack: "dev", urn: "urn", claim: "claim" };
  return { host: fake, progress: () => undefined, owner, deadlineSeconds: 60, hostFor: () => fake };
}
