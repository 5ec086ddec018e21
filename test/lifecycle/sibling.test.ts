import { describe, expect, test } from "vitest";
import { apacheSetup } from "../support/apache-jail.ts";

const page = (content: string) => ({ "/var/www/html/index.html": { content } });
const conf = (content: string) => ({ "/etc/apache2/apache2.conf": { content } });

/** A host with the jail `one`, and what making another one then takes. */
async function withSibling() {
  const setup = apacheSetup();
  const one = await setup.up({ jailName: "one" });
  const before = setup.seen.discoveries;
  const stored = setup.generations.store.size;
  const discoveries = () => setup.seen.discoveries - before;
  const steps = () => setup.host.applied.at(-1)!.plan.steps.map(({ step }) => step);
  return { ...setup, one, discoveries, steps, added: () => setup.generations.store.size - stored };
}

describe("a second jail with the same inputs", () => {
  test("is built from what the first one has: no build root, no trace, no file copied", async () => {
    const { up, one, discoveries, steps, added } = await withSibling();
    const two = await up({ jailName: "two" });
    expect(two.generation).toBe(one.generation);
    expect(two.packageVersions).toEqual(one.packageVersions);
    expect(discoveries()).toBe(0);
    expect(steps().filter((step) => /build-root|fetch/.test(step))).toEqual([]);
    expect(added()).toBe(0);
  });

  test("may have other pages, and is discovered where a file differs that is read at start", async () => {
    const { up, one, discoveries } = await withSibling();
    const two = await up({ jailName: "two", files: page("two") });
    expect(two.generation).not.toBe(one.generation);
    expect(discoveries()).toBe(0);
    await up({ jailName: "three", files: conf("Listen 81") });
    expect(discoveries()).toBe(1);
  });

  test("is discovered when its inputs are others or the first one is damaged or stale by then", async () => {
    const other = await withSibling();
    await other.up({ jailName: "two", include: ["/opt"] });
    expect(other.discoveries()).toBe(1);
    const damaged = await withSibling();
    damaged.generations.trees.get(damaged.one.rootDirectory)!.delete("/usr/sbin/apache2");
    await damaged.up({ jailName: "two" });
    expect(damaged.discoveries()).toBe(1);
  });

  test("is discovered after all when the first one goes between look and lock", async () => {
    const { up, host, generations, one, discoveries } = await withSibling();
    const begin = host.steps["generation-begin"]!;
    host.steps["generation-begin"] = (state, args, content) => {
      generations.trees.delete(one.rootDirectory);
      begin(state, args, content);
    };
    const two = await up({ jailName: "two" });
    expect(two.generation).toBe(one.generation);
    expect(discoveries()).toBe(1);
  });

  test("does no harm when both are made at the same time", async () => {
    const { up, jail, callAs } = apacheSetup();
    const states = await Promise.all(["one", "two"].map((jailName) => up({ jailName })));
    for (const state of states) expect((await jail.read(callAs(), state))?.drift).toEqual([]);
  });

  test("keeps what it has when the first one is removed", async () => {
    const { up, jail, callAs, one } = await withSibling();
    const two = await up({ jailName: "two" });
    await jail.remove(callAs(), one);
    expect((await jail.read(callAs(), two))?.drift).toEqual([]);
  });
});
