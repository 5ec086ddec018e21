import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Fingerprint } from "../../dev/hosts/index.ts";
import { repository } from "../../dev/paths.ts";
import {
  answers,
  changesSince,
  expectSuccess,
  fingerprints,
  mainProcesses,
  openSite,
  operations,
  type Site,
  watchWrites,
} from "../support/site.ts";

let site: Site;
let before: Map<string, Fingerprint>;

beforeAll(async () => {
  site = await openSite("main", ["web1", "web2", "edge"]);
  before = await fingerprints(site.hosts.hosts);
});
afterAll(() => site?.close());

/** One story: each step starts from where the one before it left the hosts. */
describe("the main job", () => {
  it("shows every resource in a first preview, and writes nothing on any host", async () => {
    const preview = expectSuccess(await site.stack.preview());
    expect(preview.changes).toEqual({ create: 7 });
    expect(await changesSince(before, site.hosts.hosts)).toEqual([]);
  });

  it("serves both web hosts behind one URL after up", async () => {
    expectSuccess(await site.stack.up());
    const url = (await site.stack.outputs())["url"] as string;
    const bodies = new Set(await answers(url, 10));
    expect([...bodies].sort()).toEqual(["200 <h1>Hello from web1</h1>", "200 <h1>Hello from web2</h1>"]);
  });

  it("installs no package and touches nothing of the distribution's", async () => {
    const changes = await changesSince(before, site.hosts.hosts);
    expect(changes.filter((line) => line.includes("/var/lib/pulumi-jail/")).length).toBeGreaterThan(100);
    expect(changes.filter((line) => /\/var\/lib\/dpkg|apache2\.service|haproxy\.service/.test(line))).toEqual([]);
    expect(
      changes.filter(
        (line) => / changed: /.test(line) && !/passwd|group|shadow|sysctls|network-pre\.target/.test(line),
      ),
    ).toEqual([]);
  });

  it("is a no-op the second time: 0 changes, 0 remote writes, 0 restarts", async () => {
    const processes = await mainProcesses(site.hosts.hosts);
    const writes = await watchWrites(site.hosts.hosts);
    for (const run of [await site.stack.up(), await site.stack.up({ refresh: true })]) {
      expectSuccess(run);
      expect(operations(run)).toEqual({});
      expect(run.changes["same"]).toBe(7);
    }
    expect(await writes()).toEqual([]);
    expect(await mainProcesses(site.hosts.hosts)).toEqual(processes);
    expect(Object.keys(processes).length).toBeGreaterThanOrEqual(3);
  });

  it("has an empty preview afterwards, with and without refresh", async () => {
    expectSuccess(await site.stack.preview({ expectNoChanges: true }));
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    expectSuccess(await site.stack.refresh({ previewOnly: true, expectNoChanges: true }));
  });

  it("survives export, import and a move of the project's directory", async () => {
    const deployment = await site.stack.export();
    expectSuccess(await site.stack.import(deployment));
    site.stack.moveProject();
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("shows no diff for another version of the package, whose code it runs from then on", async () => {
    const other = installOtherVersion(site.stack.directory);
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    expect(existsSync(join(other, "was-loaded"))).toBe(true);
  });

  it("shows a changed page as updates of its jail and service, leaves the edge alone, and does just that", async () => {
    site.stack.edit("index.ts", (text) => text.replace("Hello from", "Good day from"));
    const writes = await watchWrites([site.host("edge")]);
    const preview = expectSuccess(await site.stack.preview());
    const updates = { "apache-web1": "update", "apache-web2": "update", "web-web1": "update", "web-web2": "update" };
    expect(operations(preview)).toEqual(updates);
    const up = expectSuccess(await site.stack.up());
    expect(operations(up)).toEqual(updates);
    expect(await writes()).toEqual([]);
    const bodies = new Set(await answers((await site.stack.outputs())["url"] as string, 10));
    expect([...bodies].sort()).toEqual(["200 <h1>Good day from web1</h1>", "200 <h1>Good day from web2</h1>"]);
  });

  it("comes back by itself after a reboot of every host", async () => {
    await Promise.all(site.hosts.hosts.map((host) => host.reboot()));
    const url = (await site.stack.outputs())["url"] as string;
    await expect.poll(() => answers(url, 4).catch(() => []), { timeout: 60_000 }).toHaveLength(4);
    await expect.poll(async () => new Set(await answers(url, 6)).size, { timeout: 60_000, interval: 500 }).toBe(2);
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("leaves every host as it was after destroy, and a second destroy succeeds", async () => {
    const deployment = await site.stack.export();
    expectSuccess(await site.stack.destroy());
    expect(await changesSince(before, site.hosts.hosts)).toEqual([]);
    expectSuccess(await site.stack.import(deployment));
    expectSuccess(await site.stack.destroy());
    expect(await changesSince(before, site.hosts.hosts)).toEqual([]);
  });
});

/** A copy of the package with another version, comment and side effect, in place of the link to the repository. */
function installOtherVersion(project: string): string {
  const copy = mkdtempSync(join(project, "other-version-"));
  for (const part of ["dist", "package.json"]) cpSync(join(repository, part), join(copy, part), { recursive: true });
  const manifest = JSON.parse(readFileSync(join(copy, "package.json"), "utf8")) as { version: string };
  writeFileSync(join(copy, "package.json"), JSON.stringify({ ...manifest, version: "9.9.9" }));
  const lifecycle = join(copy, "dist/lifecycle.js");
  const mark = JSON.stringify(join(copy, "was-loaded"));
  writeFileSync(lifecycle, `require("node:fs").writeFileSync(${mark}, "");\n${readFileSync(lifecycle, "utf8")}`);
  symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
  const link = join(project, "node_modules/pulumi-jail");
  rmSync(link);
  symlinkSync(copy, link);
  return copy;
}
