import { describe, expect, test } from "vitest";
import { generationDigest, sha256 } from "../../provider/manifest/digest.ts";
import { Unfinished } from "../../provider/resource/kind.ts";
import { UNKNOWN } from "../../provider/resource/unknown.ts";
import { type ApacheSetup, apacheSetup, apacheTree, owner } from "../support/apache-jail.ts";
import { generationsOf } from "../support/fake-generation.ts";

const base = "/var/lib/pulumi-jail/jails/apache";
const page = (content: string) => ({ "/var/www/html/index.html": { content } });
const declared = (content: string) => ({ "/var/www/html/index.html": { content, mode: "0644", owner: "root" } });

describe("a jail on a host", () => {
  test("is built, with outputs that tell what is there", async () => {
    const { up } = apacheSetup();
    const generation = generationDigest(apacheTree());
    const { jailName, rootDirectory, packageVersions, fileCount, claim, drift, unfinished, ...state } = await up();
    expect({ jailName, rootDirectory, packageVersions, fileCount, claim, drift, unfinished }).toEqual({
      jailName: "apache",
      rootDirectory: `${base}/generations/${generation}`,
      packageVersions: { apache2: "2.4.62-1", libc6: "2.36" },
      fileCount: 11,
      claim: "claim-1",
      drift: [],
      unfinished: false,
    });
    expect(state.generation).toBe(generation);
  });

  test("needs no step and no apply when it is converged", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    const { applies } = setup.host.counts;
    expect(await setup.up({}, state)).toEqual(state);
    expect(setup.host.counts.applies).toBe(applies);
    expect(await setup.jail.read(setup.callAs(), state)).toMatchObject({ drift: [], generation: state.generation });
  });

  test("is seen in one round trip", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    const { asks } = setup.host.counts;
    await setup.jail.read(setup.callAs(), state);
    expect(setup.host.counts.asks - asks).toBe(1);
  });

  test("is the same after a cut at any step and another run as after one whole run", async () => {
    const whole = apacheSetup();
    await whole.up(page2("one"));
    const [, plan] = whole.host.applied;
    const steps = plan!.plan.steps.length;
    expect(steps).toBeGreaterThan(8);
    for (let cut = 0; cut <= steps; cut++) {
      for (const effect of [false, true]) {
        const again = apacheSetup();
        // The first apply is the build root's, the second the jail's.
        again.host.steps["open-build-root"] = afterFirst(again, () => again.host.cutAtStep(cut, { effect }));
        await expect(again.up(page2("one"))).rejects.toThrow("not known");
        const state = await again.up(page2("one"));
        expect(again.host.snapshot(), `cut at step ${cut}`).toEqual(whole.host.snapshot());
        expect((await again.jail.read(again.callAs(), state))?.drift).toEqual([]);
      }
    }
  });

  test("exchanges a page without build root or trace, and sends the page alone", async () => {
    const setup = apacheSetup();
    const first = await setup.up({ files: page("one") });
    const state = await setup.up({ files: page("two") }, first);
    expect(setup.seen).toMatchObject({ discoveries: 1, buildRoots: 1 });
    expect(state.generation).toBe(generationDigest(apacheTree(declared("two"))));
    expect(setup.host.applied.at(-1)!.plan.steps.map((step) => step.step)).toEqual([
      "expect-file",
      "generation-begin",
      ...["generation-part", "generation-part", "generation-part"],
      "generation-content",
      "generation-build",
      "write-file",
    ]);
  });

  test("is traced again when a file changes that is read at start", async () => {
    const setup = apacheSetup();
    const first = await setup.up({ files: { "/etc/apache2/apache2.conf": { content: "Listen 80" } } });
    await setup.up({ files: { "/etc/apache2/apache2.conf": { content: "Listen 81" } } }, first);
    expect(setup.seen.discoveries).toBe(2);
  });

  test("goes back to the package's own page when the file is not given any more", async () => {
    const setup = apacheSetup();
    const first = await setup.up({ files: page("one") });
    const state = await setup.up({}, first);
    expect(setup.seen.discoveries).toBe(2);
    expect(state.generation).toBe(generationDigest(apacheTree()));
  });

  test("keeps three generations besides the current one and those in use", async () => {
    const setup = apacheSetup();
    let state = await setup.up({ files: page("0") });
    const first = state.generation;
    write(setup, "/var/lib/pulumi-jail/services/web/a/uses", `apache ${first}\n`);
    for (const content of ["1", "2", "3", "4", "5"]) state = await setup.up({ files: page(content) }, state);
    const expected = ["0", "2", "3", "4", "5"].map((content) => generationDigest(apacheTree(declared(content))));
    expect(treesOf(setup)).toEqual(expected.sort());
    expect([...generationsOf(setup.host.state).store.keys()]).not.toContain(`${sha256("1")}.0644`);
  });

  test("returns to a pinned generation without building, and refuses one that is not kept", async () => {
    const setup = apacheSetup();
    const first = await setup.up({ files: page("one") });
    const second = await setup.up({ files: page("two") }, first);
    const back = await setup.up({ files: page("two"), pinnedGeneration: first.generation }, second);
    expect(back.generation).toBe(first.generation);
    expect(await setup.up({ files: page("two"), pinnedGeneration: first.generation }, back)).toEqual(back);
    const forward = await setup.up({ files: page("two") }, back);
    expect(forward.generation).toBe(second.generation);
    expect(setup.seen.discoveries).toBe(1);
    await expect(setup.up({ pinnedGeneration: "0123456789abcdef" }, forward)).rejects.toThrow(
      `pinnedGeneration 0123456789abcdef is not kept; kept are ${second.generation}, ${first.generation}`,
    );
  });

  test("is built anew when a package of the host was updated", async () => {
    const setup = apacheSetup();
    setup.generations.candidates.set("libc6", "2.36");
    const state = await setup.up();
    setup.generations.candidates.set("libc6", "2.37");
    const drifted = (await setup.jail.read(setup.callAs(), state))!;
    expect(drifted.drift).toEqual(["stale: libc6 2.36 -> 2.37, 1 file"]);
    setup.seen.version = "2.4.63-1";
    const mended = await setup.up({}, { ...state, ...drifted });
    expect(mended.generation).toBe(generationDigest(apacheTree({}, "2.4.63-1")));
    expect((await setup.jail.read(setup.callAs(), mended))!.drift).toEqual([]);
  });
});

describe("what was changed by hand", () => {
  const tree = (setup: ApacheSetup, digest: string) => setup.generations.trees.get(`${base}/generations/${digest}`)!;
  const shelf = `${sha256("<p>It works")}.0644`;
  const html = "/var/www/html/index.html";
  const cases: readonly [
    string,
    (setup: ApacheSetup, digest: string) => void,
    readonly string[],
    { buildRoots: number },
  ][] = [
    ["a deleted file", (s, d) => tree(s, d).delete(html), [`missing: ${html}`], { buildRoots: 1 }],
    [
      "a changed file, another inode",
      (s, d) => tree(s, d).set(html, { kind: "f", mode: "0644", value: sha256("x") }),
      [`changed: ${html} (sha256 differs)`],
      { buildRoots: 1 },
    ],
    [
      "a mode",
      (s, d) => tree(s, d).set(html, { kind: "f", mode: "0600", value: sha256("<p>It works") }),
      [`mode 0644 -> 0600: ${html}`],
      { buildRoots: 1 },
    ],
    [
      "a file edited in place, and so in the store",
      (s, d) => {
        tree(s, d).set(html, { kind: "f", mode: "0644", value: sha256("x") });
        s.generations.store.set(shelf, sha256("x"));
      },
      [`changed: ${html} (sha256 differs)`],
      { buildRoots: 2 },
    ],
    [
      "a file added",
      (s, d) => tree(s, d).set("/x", { kind: "f", mode: "0644", value: "y" }),
      ["unexpected: /x"],
      { buildRoots: 1 },
    ],
    [
      "a directory replaced by a file",
      (s, d) => tree(s, d).set("/var/tmp", { kind: "f", mode: "0644", value: "y" }),
      ["kind directory -> file: /var/tmp"],
      { buildRoots: 1 },
    ],
    [
      "a store entry deleted",
      (s) => s.generations.store.delete(shelf),
      [`missing in the store: ${html} (sha256 ${sha256("<p>It works").slice(0, 16)})`],
      { buildRoots: 1 },
    ],
    [
      "the tree deleted",
      (s, d) => s.generations.trees.delete(`${base}/generations/${d}`),
      ["generation DIGEST is gone"],
      { buildRoots: 2 },
    ],
    [
      "the manifest deleted",
      (s, d) => forget(s, `${base}/generations/${d}.manifest.json`),
      ["manifest missing"],
      { buildRoots: 2 },
    ],
    [
      "the manifest changed",
      (s, d) => write(s, `${base}/generations/${d}.manifest.json`, "{}"),
      ["manifest changed"],
      { buildRoots: 2 },
    ],
    [
      "the launch deleted",
      (s, d) => forget(s, `${base}/generations/${d}.launch.json`),
      ["missing: DIGEST.launch.json"],
      { buildRoots: 1 },
    ],
    [
      "the entries changed",
      (s, d) => write(s, `${base}/generations/${d}.entries`, ""),
      ["changed: DIGEST.entries"],
      { buildRoots: 1 },
    ],
    [
      "the mark deleted",
      (s) => forget(s, `${base}/owner.json`),
      ["missing: the mark of jail apache (owner.json)"],
      { buildRoots: 1 },
    ],
    [
      "the record deleted",
      (s) => forget(s, `${base}/record.json`),
      ["missing: the record of jail apache (record.json)"],
      { buildRoots: 2 },
    ],
    [
      "a build that was cut",
      (s) => write(s, `${base}/generations/.build-0123456789abcdef/entries`, ""),
      ["unfinished: .build-0123456789abcdef"],
      { buildRoots: 1 },
    ],
  ];

  test.each(cases)("%s is named and mended, and the digest stays", async (_, breakIt, sentences, expected) => {
    const setup = apacheSetup();
    const state = await setup.up();
    const before = setup.host.snapshot();
    breakIt(setup, state.generation);
    const drifted = (await setup.jail.read(setup.callAs(), state))!;
    expect(drifted.drift).toEqual(sentences.map((sentence) => sentence.replace("DIGEST", state.generation)));
    expect(setup.jail.diff({ ...state, ...drifted }, setup.inputs()).changes).toBe(true);
    const mended = await setup.up({}, { ...state, ...drifted });
    expect(mended).toEqual(state);
    expect(setup.host.snapshot()).toEqual(before);
    expect(setup.seen.buildRoots).toBe(expected.buildRoots);
    expect((await setup.jail.read(setup.callAs(), mended))!.drift).toEqual([]);
  });

  test("takes the host's own file when that has the bytes that the store lost", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    setup.generations.hostFiles.set(html, sha256("<p>It works"));
    tree(setup, state.generation).set(html, { kind: "f", mode: "0644", value: sha256("x") });
    setup.generations.store.set(shelf, sha256("x"));
    await setup.up({}, state);
    expect(setup.seen.buildRoots).toBe(1);
    expect(setup.host.applied.at(-1)!.plan.steps.at(-1)).toMatchObject({
      step: "generation-mend",
      args: [base, state.generation, "/"],
    });
  });
});

describe("a jail that cannot be discovered", () => {
  test("is kept in the state with its id, its reasons and no generation, and the next run finishes it", async () => {
    const setup = apacheSetup();
    setup.seen.broken = "AH00526: Syntax error on line 3";
    const failed = await setup.up().catch((error: unknown) => error);
    if (!(failed instanceof Unfinished)) throw failed;
    expect(failed.outputs).toMatchObject({ jailName: "apache", generation: "", rootDirectory: "", unfinished: true });
    expect(failed.reasons.join("\n")).toContain("AH00526: Syntax error on line 3");
    expect(setup.generations.buildRoots.size).toBe(0);
    setup.seen.broken = undefined;
    const state = { ...setup.inputs(), ...failed.outputs };
    expect(setup.jail.diff(state, setup.inputs()).changes).toBe(true);
    expect(await setup.up({}, state)).toMatchObject({ generation: generationDigest(apacheTree()), unfinished: false });
  });

  test("leaves the generation before in place", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    setup.seen.broken = "no";
    const failed = await setup.up({ unit: "apache2.service", users: ["news"] }, state).catch((error: unknown) => error);
    if (!(failed instanceof Unfinished)) throw failed;
    expect(failed.outputs).toMatchObject({ generation: state.generation, unfinished: true });
  });

  test("tells a full disk and has nothing lost", async () => {
    const setup = apacheSetup();
    const state = await setup.up({ files: page("one") });
    setup.host.failStep("generation-build", "No space left on device", { code: 28 });
    const failed = await setup.up({ files: page("two") }, state).catch((error: unknown) => error);
    if (!(failed instanceof Unfinished)) throw failed;
    expect(failed.reasons[0]).toContain("No space left on device");
    expect(failed.outputs).toMatchObject({ generation: state.generation });
    expect([...setup.host.state.files.keys()].filter((path) => path.includes("/.build-"))).toEqual([]);
    const then = await setup.up({ files: page("two") }, { ...state, ...(failed.outputs as typeof state) });
    expect((await setup.jail.read(setup.callAs(), then))!.drift).toEqual([]);
  });

  test("throws as it is when the host can't be reached", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    setup.host.unreachable = true;
    await expect(setup.up({}, state)).rejects.toMatchObject({ kind: "unreachable" });
    await expect(setup.jail.read(setup.callAs(), state)).rejects.toMatchObject({ kind: "unreachable" });
    await expect(setup.jail.remove(setup.callAs(), state)).rejects.toMatchObject({ kind: "unreachable" });
  });
});

describe("whose a jail is", () => {
  test("another stack is refused, naming the owner, and may adopt", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    const other = { stack: "prod", urn: owner.urn.replace("dev", "prod"), claim: "claim-2" };
    await expect(setup.up({}, undefined, other)).rejects.toThrow(`it belongs to ${owner.urn}`);
    const adopted = await setup.up({ adopt: true }, undefined, other);
    expect(adopted).toMatchObject({ claim: "claim-2", generation: state.generation });
    expect(setup.seen.discoveries).toBe(1);
    expect((await setup.jail.read(setup.callAs(), state))!.drift).toEqual([
      `jail apache was taken over by ${other.urn}`,
    ]);
    await setup.jail.remove(setup.callAs(), state);
    expect(treesOf(setup)).toEqual([state.generation]);
  });

  test("a directory without a mark is left alone", async () => {
    const setup = apacheSetup();
    write(setup, `${base}/notes`, "mine");
    await expect(setup.up()).rejects.toMatchObject({ kind: "foreign" });
    expect(setup.host.counts.applies).toBe(0);
  });

  test("a create that was killed is taken over by the next one under its own claim", async () => {
    const setup = apacheSetup();
    await setup.up();
    expect(await setup.up({}, undefined, { claim: "claim-2" })).toMatchObject({ claim: "claim-2" });
    expect(setup.seen.discoveries).toBe(1);
  });
});

describe("what the packages put into directories that the daemon writes", () => {
  const seeds = [{ path: "/var/log/apache2", files: 1, bytes: 3 }];
  const seeded = () => {
    const setup = apacheSetup();
    setup.seen.seeds = seeds;
    return setup;
  };
  const besides = ({ host }: ApacheSetup) =>
    [...host.state.files.keys()].filter((path) => path.endsWith(".seed.tar.gz")).map((path) => path.split("/").pop());

  test("is kept beside the generation, outside of its files and bytes, and goes with it", async () => {
    const setup = seeded();
    const state = await setup.up();
    expect(state).toMatchObject({ fileCount: (await apacheSetup().up()).fileCount, drift: [] });
    expect(besides(setup)).toEqual([`${state.generation}.seed.tar.gz`]);
    expect(setup.progress).toContain("keeping what the packages put into /var/log/apache2 (1 files, 0.0 MB)");
    await setup.jail.remove(setup.callAs(), state);
    expect(besides(setup)).toEqual([]);
  });

  test("is inherited by the next generation without a build root", async () => {
    const setup = seeded();
    const first = await setup.up({ files: page("one") });
    const state = await setup.up({ files: page("two") }, first);
    expect(setup.seen.buildRoots).toBe(1);
    expect(besides(setup)).toEqual([`${first.generation}.seed.tar.gz`, `${state.generation}.seed.tar.gz`]);
    expect(await setup.jail.read(setup.callAs(), state)).toMatchObject({ drift: [] });
  });

  test("is drift when it is lost, and is packed anew from the packages without a trace", async () => {
    const setup = seeded();
    const state = await setup.up();
    forget(setup, `${base}/generations/${state.generation}.seed.tar.gz`);
    const read = await setup.jail.read(setup.callAs(), state);
    expect(read?.drift).toEqual([`missing: ${state.generation}.seed.tar.gz`]);
    const mended = await setup.up({}, { ...state, ...read! });
    expect(mended).toMatchObject({ generation: state.generation, drift: [] });
    expect(setup.seen).toMatchObject({ discoveries: 1, buildRoots: 2 });
    expect(besides(setup)).toEqual([`${state.generation}.seed.tar.gz`]);
    expect(await setup.jail.read(setup.callAs(), mended)).toMatchObject({ drift: [] });
  });
});

describe("removal", () => {
  test("leaves the host as it was, and is a success when it is done again", async () => {
    const setup = apacheSetup();
    const empty = setup.host.snapshot();
    const state = await setup.up();
    expect(setup.host.snapshot()).not.toEqual(empty);
    await setup.jail.remove(setup.callAs(), state);
    expect(setup.host.snapshot()).toEqual(empty);
    await setup.jail.remove(setup.callAs(), state);
    expect(setup.host.snapshot()).toEqual(empty);
    expect(await setup.jail.read(setup.callAs(), state)).toBeUndefined();
  });

  test("is finished by the next one after a cut at any step", async () => {
    for (let cut = 0; cut <= 4; cut++) {
      const setup = apacheSetup();
      const empty = setup.host.snapshot();
      const state = await setup.up();
      setup.host.cutAtStep(cut, { effect: true });
      await expect(setup.jail.remove(setup.callAs(), state)).rejects.toThrow("not known");
      await setup.jail.remove(setup.callAs(), state);
      expect(setup.host.snapshot(), `cut at step ${cut}`).toEqual(empty);
    }
  });

  test("is refused while a service uses the tree, and names it", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    write(setup, "/var/lib/pulumi-jail/services/web/a/uses", `apache ${state.generation}\n`);
    await expect(setup.jail.remove(setup.callAs(), state)).rejects.toThrow("jail apache is in use by service web");
    expect(treesOf(setup)).toEqual([state.generation]);
  });
});

describe("previews", () => {
  test("see no change between equal inputs", async () => {
    const setup = apacheSetup();
    const state = await setup.up({ files: page("one") });
    expect(setup.jail.diff(state, setup.inputs({ files: page("one") }))).toEqual({
      changes: false,
      replaces: [],
      deleteBeforeReplace: false,
      notes: [],
    });
  });

  test("live with an unknown in every input, which is never a replacement", async () => {
    const setup = apacheSetup();
    const state = await setup.up();
    const names = ["jailName", "packages", "unit", "programs", "include", "exclude", "files", "discovery", "users"];
    for (const name of [...names, "source", "content", "pinnedGeneration", "keepGenerations", "adopt"]) {
      const { inputs, failures } = setup.jail.check(state, { ...setup.inputs(), [name]: UNKNOWN });
      expect(failures, name).toEqual([]);
      expect(setup.jail.diff(state, inputs).replaces, name).toEqual([]);
    }
  });
});

function page2(content: string) {
  return { files: page(content) };
}

function afterFirst({ host }: ApacheSetup, then: () => void) {
  const open = host.steps["open-build-root"]!;
  return (...args: Parameters<typeof open>) => {
    const output = open(...args);
    host.steps["open-build-root"] = open;
    then();
    return output;
  };
}

function treesOf({ generations }: ApacheSetup): readonly string[] {
  return [...generations.trees.keys()].map((tree) => tree.split("/").pop()!).sort();
}

function write({ host }: ApacheSetup, path: string, content: string): void {
  host.state.files.set(path, { type: "file", mode: "0600", owner: "root:root", content });
}

function forget({ host }: ApacheSetup, path: string): void {
  host.state.files.delete(path);
}
