import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { eligible, type PlacedHost, type Placement, place } from "../../../provider/fleet/placement.ts";

const host = (name: string, slots = 1, labels: Readonly<Record<string, string>> = {}): PlacedHost => ({
  name,
  slots,
  labels,
});
const names = (hosts: readonly PlacedHost[], replicas: number, rules: Placement = {}) =>
  place("web", hosts, replicas, rules)
    .map((seat) => `${seat.host}-${seat.number}`)
    .sort();

describe("placement, by example", () => {
  test("every host gets its first member before any gets a second", () => {
    expect(names([host("a", 4), host("b", 1), host("c", 1)], 4)).toEqual(["a-1", "a-2", "b-1", "c-1"]);
  });

  test("the host with more free slots comes first", () => {
    expect(names([host("a", 1), host("b", 1), host("c", 3)], 1)).toEqual(["c-1"]);
    expect(names([host("a", 2), host("b", 5), host("c", 3)], 5)).toEqual(["a-1", "b-1", "b-2", "c-1", "c-2"]);
  });

  test("labels choose hosts, maxPerHost bounds them", () => {
    const hosts = [host("a", 4, { disk: "ssd" }), host("b", 4), host("c", 4, { disk: "ssd", zone: "x" })];
    expect(names(hosts, 4, { labels: { disk: "ssd" } })).toEqual(["a-1", "a-2", "c-1", "c-2"]);
    expect(names(hosts, 3, { maxPerHost: 1 })).toEqual(["a-1", "b-1", "c-1"]);
  });

  test("spreadBy shares equally between a label's values, not between hosts", () => {
    const hosts = [
      host("a", 2, { zone: "x" }),
      host("b", 2, { zone: "x" }),
      host("c", 2, { zone: "x" }),
      host("d", 4, { zone: "y" }),
    ];
    expect(names(hosts, 6, { spreadBy: "zone" })).toEqual(["a-1", "b-1", "c-1", "d-1", "d-2", "d-3"]);
  });

  test("two fleets over the same hosts do not all begin with the same one", () => {
    const hosts = ["a", "b", "c"].map((name) => host(name));
    const first = ["web", "api", "mail", "dns", "cache"].map((fleet) => place(fleet, hosts, 1, {})[0]?.host);
    expect(new Set(first).size).toBeGreaterThan(1);
  });
});

describe("placement, by law", () => {
  /** Said here anew: placement's own word is what is on trial. */
  const capacity = (one: PlacedHost, rules: Placement) =>
    Math.min(one.slots, rules.maxPerHost ?? Number.POSITIVE_INFINITY);
  const someHosts = fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/),
      slots: fc.integer({ min: 0, max: 5 }),
      labels: fc.record({ zone: fc.constantFrom("x", "y", "z"), disk: fc.constantFrom("ssd", "hdd") }),
    }),
    { selector: ({ name }) => name, minLength: 1, maxLength: 12 },
  );
  const someRules: fc.Arbitrary<Placement> = fc.record(
    {
      labels: fc.constant({ disk: "ssd" }),
      maxPerHost: fc.integer({ min: 1, max: 4 }),
      spreadBy: fc.constant("zone"),
    },
    { requiredKeys: [] },
  );
  /** A site and a number of members that fits it. */
  const site = fc.tuple(someHosts, someRules, fc.nat(1000)).map(([hosts, rules, draw]) => {
    const seats = eligible(hosts, rules).reduce((sum, one) => sum + capacity(one, rules), 0);
    return { hosts, rules, seats, replicas: seats === 0 ? 0 : draw % (seats + 1) };
  });

  test("all members have a seat, none two, no host more than its slots and maxPerHost, none without the labels", () => {
    fc.assert(
      fc.property(site, ({ hosts, rules, replicas }) => {
        const placed = names(hosts, replicas, rules);
        expect(new Set(placed).size).toBe(replicas);
        for (const one of hosts) {
          const mine = place("web", hosts, replicas, rules).filter((seat) => seat.host === one.name);
          const may = rules.labels === undefined || one.labels["disk"] === "ssd";
          expect(mine.length).toBeLessThanOrEqual(may ? capacity(one, rules) : 0);
          expect(mine.map(({ number }) => number).sort()).toEqual(mine.map((_, index) => index + 1));
        }
      }),
    );
  });

  test("the order of the hosts means nothing", () => {
    const shuffled = site.chain((one) =>
      fc.shuffledSubarray([...one.hosts], { minLength: one.hosts.length }).map((order) => ({ ...one, order })),
    );
    fc.assert(
      fc.property(shuffled, ({ hosts, order, rules, replicas }) => {
        expect(names(order, replicas, rules)).toEqual(names(hosts, replicas, rules));
      }),
    );
  });

  test("a host that comes takes over what it holds, and nothing else moves", () => {
    fc.assert(
      fc.property(site, fc.nat(11), ({ hosts, rules, replicas }, at) => {
        const added = hosts[at % hosts.length] as PlacedHost;
        const fewer = hosts.filter((one) => one !== added);
        const room = eligible(fewer, rules).reduce((sum, one) => sum + capacity(one, rules), 0);
        const count = Math.min(replicas, room);
        const before = names(fewer, count, rules);
        const after = names(hosts, count, rules);
        const came = after.filter((member) => !before.includes(member));
        expect(came.every((member) => member.startsWith(`${added.name}-`))).toBe(true);
        // The same law, backwards: a host that goes moves its own members and no other.
        expect(before.filter((member) => !after.includes(member))).toHaveLength(came.length);
      }),
    );
  });

  test("one member more is one more, and none of the others moves", () => {
    fc.assert(
      fc.property(site, ({ hosts, rules, replicas }) => {
        fc.pre(replicas > 0);
        const all = names(hosts, replicas, rules);
        expect(names(hosts, replicas - 1, rules).every((member) => all.includes(member))).toBe(true);
      }),
    );
  });

  test("shares differ by one at most where slots do not say otherwise", () => {
    fc.assert(
      fc.property(site, ({ hosts, rules, replicas }) => {
        const { spreadBy, ...flat } = rules;
        const check = (keyOf: (one: PlacedHost) => string, used: Placement) => {
          const room = new Map<string, number>();
          const has = new Map<string, number>();
          for (const one of eligible(hosts, used))
            room.set(keyOf(one), (room.get(keyOf(one)) ?? 0) + capacity(one, used));
          for (const seat of place("web", hosts, replicas, used)) {
            const key = keyOf(hosts.find(({ name }) => name === seat.host) as PlacedHost);
            has.set(key, (has.get(key) ?? 0) + 1);
          }
          const most = Math.max(0, ...has.values());
          for (const [key, free] of room) expect(has.get(key) ?? 0).toBeGreaterThanOrEqual(Math.min(free, most - 1));
        };
        check(({ name }) => name, flat);
        if (spreadBy !== undefined) check(({ labels }) => labels["zone"] ?? "", rules);
      }),
    );
  });
});
