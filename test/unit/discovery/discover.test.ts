import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { discover } from "../../../provider/discovery/discover.ts";
import type { DiscoverySpec } from "../../../provider/discovery/spec.ts";
import type { Host } from "../../../provider/host/host.ts";
import type { Plan } from "../../../provider/host/step.ts";
import { loosenings } from "../../../provider/manifest/launch.ts";
import { specOf } from "./recorded.ts";

const recorded = readFileSync(new URL("../../fixtures/discovery/apache2.service.gz", import.meta.url)).toString(
  "base64",
);
const well = "code\t0\nlisten\ttcp 80 ::\nprobe\t80 ok http 200\nseed\t2\t0\t/var/log/apache2\n";
const unwell = "code\t4\nsaid\tapache2.service ended in its jail\nsaid\tno luck\n";

interface Trials {
  readonly host: Host;
  readonly plans: Plan[];
  asks: number;
}

/** A host whose build root is the recorded one, and whose trials go as they are told to, one after the other. */
function hostWith(...trials: readonly string[]): Trials {
  const left = [...trials];
  const seen: Trials = {
    plans: [],
    asks: 0,
    host: {
      label: "web1",
      ask: (async () => {
        seen.asks++;
        return [[]];
      }) as Host["ask"],
      apply: async (plan) => {
        seen.plans.push(plan);
        return { outputs: plan.steps.map(({ step }) => outputOf(step, left)) };
      },
    },
  };
  return seen;
}

function outputOf(step: string, left: string[]): string {
  if (step === "inspect-build-root") return recorded;
  if (step !== "trial-jail") return "";
  const next = left.shift();
  if (next === undefined) throw new Error("a trial too many");
  return next;
}

async function run(seen: Trials, changes: Partial<DiscoverySpec> = {}) {
  const told: string[] = [];
  const options = { id: "jail-x", urn: "urn:x", lock: "jail/x", progress: (text: string) => told.push(text) };
  const found = await discover(seen.host, specOf("apache2.service", changes), options);
  return { found, told };
}

describe("the trial in the jail", () => {
  test("of a daemon that runs takes one round trip more, which tells the seeds as well", async () => {
    const seen = hostWith(well);
    const { found } = await run(seen);
    expect(seen.plans.map(({ steps }) => steps.map(({ step }) => step).at(-1))).toEqual([
      "inspect-build-root",
      "trial-jail",
    ]);
    expect(seen.asks).toBe(0);
    expect(found.manifest.seeds).toMatchObject([{ path: "/var/log/apache2", files: 2, bytes: 0 }]);
    expect(found.report.trial).toEqual({ rounds: [], lookedUpInVain: [] });
  });

  test("is left out with no rounds, and when nothing was traced", async () => {
    for (const discovery of [
      { method: "trace", deadlineSeconds: 60, rounds: 0 },
      { method: "static", deadlineSeconds: 60 },
    ] as const) {
      const seen = hostWith();
      expect((await run(seen, { discovery })).found.report.trial).toBeUndefined();
      expect(seen.plans.length).toBe(1);
    }
  });

  test("puts what a daemon that runs looked up besides into the tree without another trial", async () => {
    const path = "/etc/apache2/envvars";
    const { found, told } = await run(hostWith(`${well}failed\tENOENT\topen\t${path}\t${path}\n`));
    expect(told).toEqual([`repair round 1: adding ${path}`]);
    const repaired = found.manifest.entries.find((entry) => entry.path === path);
    expect(repaired?.why).toEqual(["repair round 1: opened in the jail"]);
  });

  test("starts a daemon that serves while its start does not end by Type=exec, in the launch that its services are made from", async () => {
    const { found } = await run(hostWith(`${unwell}stays\tyes\n`, well));
    const { found: other } = await run(hostWith(well));
    expect([found.manifest.launch.type, other.manifest.launch.type]).toEqual(["exec", "forking"]);
  });

  test("is bounded by the rounds, each of which is another trial", async () => {
    const lacks = (name: string) => `${unwell}failed\tENOENT\tmkdir\t/var/lib/${name}/x\t-\n`;
    const seen = hostWith(lacks("a"), lacks("b"), lacks("c"), lacks("d"), unwell, unwell);
    const failed = await run(seen).catch((error) => error);
    expect(failed).toMatchObject({ kind: "discovery" });
    expect(failed.message.match(/ tried: repair round/g)).toHaveLength(3);
  });

  test("loosens the least of the sandbox, in the launch that its services are made from", async () => {
    const { found } = await run(hostWith(unwell, well, unwell, well, unwell));
    expect(found.manifest.launch.loosened).toEqual(loosenings.slice(0, 2));
    expect(found.notes.filter((line) => line.includes("loosened"))).toHaveLength(2);
  });

  test("of a daemon that only the sandbox stops succeeds, and says so", async () => {
    const { found } = await run(hostWith(unwell, unwell, well));
    expect(found.manifest.launch.loosened).toBeUndefined();
    expect(found.notes.at(-1)).toContain("no luck");
  });

  test("of a daemon that runs, and does not serve for what is excluded, succeeds, and says so", async () => {
    const deaf = `alive\tyes\n${unwell}`;
    const exclude = ["/etc/apache2/ports.conf"];
    const { found } = await run(hostWith(deaf, deaf, deaf), { exclude });
    expect(found.notes.at(-1)).toContain("may be for what exclude leaves out");
    await expect(run(hostWith(unwell, unwell, unwell), { exclude })).rejects.toThrow("does not run in its jail");
    await expect(run(hostWith(deaf, deaf, deaf))).rejects.toThrow("does not run in its jail");
  });
});
