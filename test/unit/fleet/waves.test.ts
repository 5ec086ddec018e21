import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { batchSize, dependenciesOf, MOST_EDGES, rolloutOrder, wavesOf } from "../../../provider/fleet/waves.ts";

const members = (count: number) => Array.from({ length: count }, (_, index) => index);

describe("waves", () => {
  test.each([
    [8, {}, [1, 2, 2, 2, 1]],
    [3, {}, [1, 1, 1]],
    [1, {}, [1]],
    [5, { canary: 1, batch: 2 }, [1, 2, 2]],
    [5, { canary: 0, batch: 2 }, [2, 2, 1]],
    [5, { canary: 2, batch: "100%" }, [2, 3]],
    [10, { canary: 0, batch: "34%" }, [4, 4, 2]],
    [3, { canary: 9 }, [3]],
    [0, {}, []],
  ] as const)("of %i members by %j are of %j", (count, rollout, sizes) => {
    expect(wavesOf(members(count), rollout).map((wave) => wave.length)).toEqual(sizes);
  });

  test("hold every member once, in order", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(5), fc.integer({ min: 1, max: 100 }), (count, canary, share) => {
        const waves = wavesOf(members(count), { canary, batch: `${share}%` });
        expect(waves.flat()).toEqual(members(count));
        expect(waves.every((wave) => wave.length > 0)).toBe(true);
      }),
    );
  });

  test("wait for the whole wave before, also where few edges say so", () => {
    fc.assert(
      fc.property(fc.nat(300), fc.nat(3), fc.integer({ min: 1, max: 100 }), (count, canary, share) => {
        const waves = wavesOf(members(count), { canary, batch: `${share}%` });
        const waits = dependenciesOf(waves);
        const before = new Map<number, ReadonlySet<number>>();
        for (const member of waves.flat()) {
          const direct = waits.get(member) ?? [];
          before.set(member, new Set(direct.flatMap((other) => [other, ...(before.get(other) ?? [])])));
        }
        for (const [index, wave] of waves.entries())
          for (const member of wave)
            for (const other of waves[index - 1] ?? []) expect(before.get(member)?.has(other)).toBe(true);
        const edges = [...waits.values()].reduce((sum, { length }) => sum + length, 0);
        expect(edges).toBeLessThanOrEqual((MOST_EDGES + 1) * count);
      }),
      { numRuns: 30 },
    );
  });

  test("a share is rounded up and never none", () => {
    expect([batchSize("25%", 4), batchSize("25%", 5), batchSize("1%", 3), batchSize(3, 2)]).toEqual([1, 2, 1, 3]);
  });

  test("go over every host's first member before any second one, hosts as listed", () => {
    const seats = [
      { host: "a", number: 2 },
      { host: "a", number: 1 },
      { host: "b", number: 1 },
    ];
    expect(rolloutOrder(seats, ["b", "a"]).map(({ host, number }) => `${host}-${number}`)).toEqual([
      "b-1",
      "a-1",
      "a-2",
    ]);
  });
});
