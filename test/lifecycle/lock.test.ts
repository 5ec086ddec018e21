import { describe, expect, test } from "vitest";
import { Unfinished } from "../../provider/resource/kind.ts";
import { UNKNOWN } from "../../provider/resource/unknown.ts";
import { apacheArgs, apacheSetup } from "../support/apache-jail.ts";

const manifestFile = "apache.lock.json";
const html = "/var/www/html/index.html";
const page = (content: string) => ({ [html]: { content } });
const renew = "renew it with PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up";

/** A setup whose lock file was written by an `up` on a first host, which is then forgotten. */
async function locked(args: object = {}) {
  const writer = apacheSetup();
  writer.seen.renewing = true;
  const written = await writer.up({ manifestFile, ...args });
  const setup = apacheSetup();
  for (const [path, text] of writer.locks) setup.locks.set(path, text);
  const failures = (given: object = {}) =>
    setup.jail.check(undefined, { ...apacheArgs, manifestFile, ...args, ...given }).failures;
  const edit = (change: (text: string) => string) => {
    const before = setup.locks.get(manifestFile)!;
    expect(change(before)).not.toBe(before);
    setup.locks.set(manifestFile, change(before));
  };
  return { ...setup, written, writer, failures, edit };
}

describe("a lock file", () => {
  test("is written by an up that renews, and needs nothing of the next", async () => {
    const { writer, written } = await locked();
    writer.seen.renewing = false;
    const { applies } = writer.host.counts;
    expect(writer.jail.diff(written, { ...written, generation: undefined, manifestDigest: "renewed" })).toMatchObject({
      changes: false,
      notes: [],
    });
    const wanted = writer.inputs({ manifestFile });
    expect(writer.jail.diff(written, wanted)).toMatchObject({ changes: false, notes: [] });
    expect(await writer.up({ manifestFile }, written)).toEqual({ ...written, ...wanted });
    expect(writer.host.counts.applies).toBe(applies);
  });

  test("makes the generation known before any host is asked", async () => {
    const { inputs, written } = await locked();
    expect(inputs({ manifestFile }).generation).toBe(written.generation);
    expect(written.generation).toMatch(/^[0-9a-f]{16}$/);
  });

  test("gives the same tree on another host, without build root or trace", async () => {
    const { up, seen, host, written } = await locked();
    const state = await up({ manifestFile });
    expect(state.generation).toBe(written.generation);
    expect(state.packageVersions).toEqual(written.packageVersions);
    expect(seen).toMatchObject({ discoveries: 0, buildRoots: 0, fetches: 1 });
    const steps = host.applied.flatMap(({ plan }) => plan.steps.map((step) => step.step));
    expect(steps.filter((step) => /trace|open-build-root/.test(step))).toEqual([]);
    expect(steps).toContain("fetch-packages");
  });

  test("holds against newer packages: they are told and are no drift", async () => {
    const setup = await locked();
    setup.generations.candidates.set("libc6", "2.36");
    const state = await setup.up({ manifestFile });
    setup.generations.candidates.set("libc6", "2.37");
    expect((await setup.jail.read(setup.callAs(), state))?.drift).toEqual([]);
    expect(setup.warnings).toEqual([
      "stale: libc6 2.36 -> 2.37, 1 file; renew apache.lock.json with PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up",
    ]);
    expect((await setup.up({ manifestFile }, state)).generation).toBe(state.generation);
    expect(setup.seen.discoveries).toBe(0);
  });

  test("is mended from its packages when files of the tree and the store are lost", async () => {
    const setup = await locked();
    const state = await setup.up({ manifestFile });
    const tree = setup.generations.trees.get(state.rootDirectory)!;
    const path = "/usr/sbin/apache2";
    setup.generations.store.delete(`${tree.get(path)!.value}.0755`);
    tree.delete(path);
    const drifted = (await setup.jail.read(setup.callAs(), state))!;
    expect(drifted.drift).toContain("missing: /usr/sbin/apache2");
    const mended = await setup.up({ manifestFile }, { ...state, ...drifted });
    expect(await setup.jail.read(setup.callAs(), mended)).toMatchObject({ drift: [], generation: state.generation });
    expect(setup.seen).toMatchObject({ discoveries: 0, buildRoots: 0 });
  });

  test("names what is gone and how to renew when a version can't be had any more", async () => {
    const setup = await locked();
    setup.seen.gone = ["libc6=2.36"];
    const failure = await setup.up({ manifestFile }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(Unfinished);
    expect((failure as Error).message).toContain("libc6 2.36 is not to be had any more");
    expect((failure as Error).message).toContain(
      "renew apache.lock.json with PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up",
    );
  });

  test("is written once for several jails, and the others use it", async () => {
    const setup = apacheSetup();
    setup.seen.renewing = true;
    const names = ["one", "two", "three"];
    const states = await Promise.all(names.map((jailName) => setup.up({ jailName, manifestFile })));
    expect(new Set(states.map((state) => state.generation)).size).toBe(1);
    expect(new Set(states.map((state) => state.manifestDigest)).size).toBe(1);
    expect(setup.seen.discoveries).toBe(1);
  });

  test("is written by the next jail when the first one fails", async () => {
    const setup = apacheSetup();
    setup.seen.renewing = true;
    setup.seen.broken = "no";
    const first = setup.up({ jailName: "one", manifestFile });
    const second = setup.up({ jailName: "two", manifestFile });
    await expect(first).rejects.toThrow("did not start");
    await expect(second).rejects.toThrow("did not start");
    expect(setup.locks.size).toBe(0);
    setup.seen.broken = undefined;
    await setup.up({ jailName: "three", manifestFile });
    expect(setup.locks.size).toBe(1);
  });

  test("may be shared by jails whose pages differ", async () => {
    const { inputs, up, written, seen } = await locked({ files: page("one") });
    const other = inputs({ manifestFile, files: page("two") });
    expect(other.generation).not.toBe(written.generation);
    expect((await up({ manifestFile, files: page("two") })).generation).toBe(other.generation);
    expect(seen.discoveries).toBe(0);
  });

  test("is renewed with what the packages have by then", async () => {
    const { writer, written } = await locked();
    writer.seen.version = "2.4.63-1";
    const fresh = apacheSetup();
    fresh.seen.renewing = true;
    fresh.seen.version = "2.4.63-1";
    const before = writer.locks.get(manifestFile)!.split("\n");
    const state = await fresh.up({ manifestFile });
    expect(state.generation).not.toBe(written.generation);
    const after = fresh.locks.get(manifestFile)!.split("\n");
    const changed = after.filter((line) => !before.includes(line));
    // Checksum, the package's version, the program: what a review has to see.
    expect(changed).toHaveLength(3);
  });

  test("shows in the diff that it is written anew", async () => {
    const { writer, written } = await locked();
    expect(writer.jail.diff(written, writer.inputs({ manifestFile }))).toMatchObject({
      changes: true,
      notes: ["discovers anew and writes the lock file"],
    });
  });
});

describe("check", () => {
  test("refuses a lock file that is missing", async () => {
    const { failures, locks } = await locked();
    locks.clear();
    expect(failures()).toEqual([
      {
        property: "manifestFile",
        reason: "apache.lock.json is missing; write it with PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up",
      },
    ]);
  });

  test("refuses one that was edited or is none", async () => {
    const { failures, edit } = await locked();
    expect(failures()).toEqual([]);
    edit((text) => text.replace('"apache2": "2.4.62-1"', '"apache2": "2.4.63-1"'));
    expect(failures()[0]!.reason).toBe(`apache.lock.json was edited by hand or merged: its checksum differs; ${renew}`);
    edit((text) => text.slice(0, -10));
    expect(failures()[0]!.reason).toMatch(/^apache\.lock\.json is no JSON \(.*\); renew it with/);
    edit(() => "{}");
    expect(failures()[0]!.reason).toBe(`apache.lock.json is no lock file of this version; ${renew}`);
  });

  test("takes one that a formatter has touched", async () => {
    const { failures, edit } = await locked();
    edit((text) => JSON.stringify(JSON.parse(text), undefined, 4));
    expect(failures()).toEqual([]);
  });

  test("names the inputs that are others than when it was written", async () => {
    const { failures } = await locked();
    expect(failures({ packages: ["apache2", "libapache2-mod-wsgi-py3"], include: ["/opt"] })).toEqual([
      {
        property: "manifestFile",
        reason: `apache.lock.json was written for other inputs (include, packages); ${renew}`,
      },
    ]);
    expect(failures({ discovery: { deadlineSeconds: 99, rounds: 1 }, keepGenerations: 9 })).toEqual([]);
    expect(failures({ files: { "/etc/apache2/apache2.conf": { content: "Listen 81\n" } } })[0]!.reason).toBe(
      `apache.lock.json was written for other files, some of them read at start; ${renew}`,
    );
  });

  test("leaves the generation unknown where an input is", async () => {
    const { inputs } = await locked();
    expect(inputs({ manifestFile, files: { [html]: { content: UNKNOWN } } }).generation).toBe(UNKNOWN);
  });

  test("knows the generation of a pin", async () => {
    const { inputs } = await locked();
    expect(inputs({ pinnedGeneration: "0123456789abcdef" }).generation).toBe("0123456789abcdef");
  });

  test("refuses a path that is no relative one", async () => {
    const { jail } = apacheSetup();
    const { failures } = jail.check(undefined, { ...apacheArgs, manifestFile: "/etc/apache.lock.json" });
    expect(failures[0]!.reason).toContain("is no path relative to the project's directory");
  });
});
