import { expect, test } from "vitest";
import { leastLoosening } from "../../../provider/discovery/loosen.ts";
import type { Trial } from "../../../provider/discovery/trial.ts";
import { type Loosening, loosenings } from "../../../provider/manifest/launch.ts";

const well: Trial = { runs: true, said: [], probes: [], failed: [], seeds: [] };

/** A daemon that runs when all of these are loosened. */
function daemon(...needs: readonly Loosening[]): {
  readonly tried: (readonly Loosening[])[];
  attempt(loosened: readonly Loosening[]): Promise<Trial>;
} {
  const tried: (readonly Loosening[])[] = [];
  return {
    tried,
    attempt: async (loosened) => {
      tried.push(loosened);
      return needs.every((need) => loosened.includes(need)) ? well : { ...well, problem: "it ended" };
    },
  };
}

test.each([[["netlink"]], [["own-identity", "proc"]], [["write-execute"]], [[...loosenings]]] as const)(
  "what is loosened is just what the daemon needs: %j",
  async (needs) => {
    const found = await leastLoosening(daemon(...(needs as readonly Loosening[])).attempt);
    expect(found?.loosened).toEqual(needs);
    expect(found?.trial.problem).toBeUndefined();
  },
);

test("a daemon that runs with nothing loosened any more is not tried with nothing again", async () => {
  const flaky = daemon();
  await leastLoosening(flaky.attempt);
  expect(flaky.tried.every((loosened) => loosened.length > 0)).toBe(true);
});

test("when it does not run with everything loosened, one try is all there is", async () => {
  const tried: unknown[] = [];
  const found = await leastLoosening(async (loosened) => {
    tried.push(loosened);
    return { ...well, problem: "it ended" };
  });
  expect([found, tried.length]).toEqual([undefined, 1]);
});
