import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseLock, renderLock } from "../../provider/manifest/lock.ts";
import { expectSuccess, openSite, type Site } from "../support/site.ts";
import { shell } from "./ssh-site.ts";

const manifestFile = "locks/apache.lock.json";
const renewal = "PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up";

/** One jail per host, from one lock file; `more` are further statements. */
const program = (more = "", pages = "") => `
import { Host, Jail } from "pulumi-jail";
const args = { packages: ["apache2"], unit: "apache2.service", manifestFile: "${manifestFile}" };
const one = new Jail("one", { connection: Host.fromConfig("web1"), jailName: "apache", ...args });
const two = new Jail("two", { connection: Host.fromConfig("web2"), jailName: "apache", ...args${pages} });
${more}
export const generations = [one.generation, two.generation];
`;
const third = `new Jail("three", { connection: Host.fromConfig("web2"), ...args });`;

let site: Site;
beforeAll(async () => {
  site = await openSite("lock", ["web1", "web2"], { program: program() });
});
afterAll(() => site?.close());

/** Lines of the host's journal about units that were traced. */
async function traces(host: string): Promise<number> {
  const { stdout } = await site
    .host(host)
    .exec(["sh", "-c", "journalctl -q --no-pager -o cat _PID=1 | grep -c 'pulumi-jail traces' || true"]);
  return Number(stdout);
}

const lockPath = () => join(site.stack.directory, manifestFile);
const cli = (...words: readonly string[]) => site.stack.pulumiJail(words);

/** One story: each step starts from where the one before it left hosts and project. */
describe("a lock file in the project", () => {
  let text: string;
  let generation: string;

  it("is asked for by the first preview", async () => {
    const preview = await site.stack.preview();
    expect(preview.exitCode).not.toBe(0);
    expect(preview.stdout + preview.stderr).toContain(`${manifestFile} is missing; write it with ${renewal}`);
  });

  it("is written by an up that renews, and gives one tree on both hosts with one trace", async () => {
    expectSuccess(await site.stack.up({ env: { PULUMI_JAIL_UPDATE_MANIFESTS: "1" } }));
    text = readFileSync(lockPath(), "utf8");
    const [one, two] = (await site.stack.outputs())["generations"] as readonly string[];
    expect(two).toBe(one);
    generation = one!;
    const traced = await Promise.all(["web1", "web2"].map(traces));
    expect(traced.filter((count) => count > 0)).toHaveLength(1);
    for (const { exec } of site.hosts.hosts)
      expect((await exec(["sh", "-c", "command -v strace; dpkg -l apache2 2>/dev/null || true"])).stdout).toBe("");
  });

  it("makes the generation known in the preview of a jail that is not there yet", async () => {
    site.stack.write("index.ts", program(third));
    const preview = expectSuccess(await site.stack.preview());
    expect(preview.changes).toMatchObject({ create: 1 });
    expect(preview.stdout).toMatch(new RegExp(`generation *: "${generation}"`));
    site.stack.write("index.ts", program());
  });

  it("is in the state by its path and digest only, and leaves nothing to do", async () => {
    expectSuccess(await site.stack.preview({ refresh: true, expectNoChanges: true }));
    expect(site.stack.resources().map((resource) => resource.outputs)).toMatchObject([
      { manifestFile, generation, manifestDigest: expect.stringMatching(/^[0-9a-f]{16}$/) },
      { manifestFile, generation },
    ]);
    expect(JSON.stringify(site.stack.resources()).length).toBeLessThan(20_000);
  });

  it("comes out the same without an up, by discover, which leaves the host as it was", async () => {
    const state = "find /var/lib/pulumi-jail | sort | sha256sum; find /etc /var/lib/dpkg | sort | sha256sum";
    const before = await shell(site.host("web1"), state);
    rmSync(lockPath());
    const run = await cli("discover", "--host", "web1", "--json");
    expect(run.exitCode, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject([{ file: lockPath(), jail: "apache", host: "web1", generation }]);
    expect(readFileSync(lockPath(), "utf8")).toBe(text);
    expect(await shell(site.host("web1"), state)).toBe(before);
  });

  it("names a version that is not to be had any more, and how to renew", async () => {
    const { inputs, manifest } = parseLock(text);
    const { version, ...program } = manifest.entries.find(({ path }) => path === "/usr/sbin/apache2")!;
    const entry = { ...program, version: "0.1-1", sha256: "0".repeat(64) };
    const entries = manifest.entries.map((one) => (one.path === entry.path ? entry : one));
    const packages = { ...manifest.packages, "apache2-bin": "0.1-1" };
    const gone = { inputs, manifest: { ...manifest, packages, entries } };
    site.stack.write(manifestFile, renderLock(gone));
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    expect(up.stdout + up.stderr).toContain(`apache2-bin 0.1-1 is not to be had any more (offered: ${version})`);
    expect(up.stdout + up.stderr).toContain(`renew ${manifestFile} with ${renewal}`);
    site.stack.write(manifestFile, text);
  });
});

describe("pulumi-jail", () => {
  it("says why a path is in a jail, or why not", async () => {
    const libc = await cli("explain", "apache", "/usr/lib/x86_64-linux-gnu/libc.so.6", "--host", "web2");
    expect(libc.exitCode, libc.stderr).toBe(0);
    expect(libc.stdout).toMatch(/package {2}libc6 \S+\n {2}sha256 .*\n {2}why {6}needed by /);
    const shell = await cli("explain", "apache", "/bin/sh", "--host", "web2", "--json");
    expect(shell.exitCode).toBe(1);
    expect(JSON.parse(shell.stdout)).toMatchObject({ in: false, path: "/usr/bin/sh" });
    const several = await cli("explain", "apache", "/bin/sh");
    expect(several).toMatchObject({ exitCode: 2 });
    expect(several.stderr).toContain("apache is on several hosts; give --host web1 or --host web2");
  });

  it("lists every file with its package or as owned by none, in CycloneDX and SPDX, equal on both hosts", async () => {
    for (const format of ["cyclonedx", "spdx"]) {
      const [one, two] = await Promise.all(
        ["web1", "web2"].map((host) => cli("sbom", "apache", "--format", format, "--host", host)),
      );
      expect(one!.exitCode, one!.stderr).toBe(0);
      expect(two!.stdout).toBe(one!.stdout);
      expect(one!.stdout).toMatch(/pkg:deb\/debian\/libc6@[^"]*\?arch=amd64&distro=debian-12/);
    }
  });

  it("finds nothing where nothing is, and a planted file", async () => {
    const sound = await cli("verify");
    expect(sound.exitCode, sound.stderr).toBe(0);
    const tree = "/var/lib/pulumi-jail/jails/apache/generations/*";
    await shell(site.host("web2"), `echo planted >$(echo ${tree}/etc/apache2)/planted`);
    const verify = await cli("verify", "--json");
    expect(verify.exitCode).toBe(1);
    const told = JSON.parse(verify.stdout) as readonly { readonly host: string; readonly findings: string[] }[];
    expect(told.map(({ host, findings }) => [host, findings])).toEqual([
      ["web1", []],
      ["web2", ["unexpected: /etc/apache2/planted"]],
    ]);
  });

  it("tells what differs between two generations", async () => {
    site.stack.write("index.ts", program("", `, files: { "/var/www/html/index.html": { content: "x" } }`));
    expectSuccess(await site.stack.up());
    const diff = await cli("diff", "apache", "--host", "web2");
    expect(diff.exitCode, diff.stderr).toBe(1);
    expect(diff.stdout).toMatch(/changed: \/var\/www\/html\/index\.html \(\d+ -> 1 bytes\)/);
  });
});

describe("another stack", () => {
  it("reads the jail by its name, changes nothing, and is told when there is none", async () => {
    const reading = (jailName: string) => `
import { Host, Jail } from "pulumi-jail";
const jail = Jail.get("read", "${jailName}", { connection: Host.fromConfig("web1") });
export const generation = jail.generation;
export const root = jail.rootDirectory;`;
    const other = await site.openStack({ program: reading("apache"), project: "other" });
    const tree = "find /var/lib/pulumi-jail/jails -printf '%p %T@\\n' | sort | sha256sum";
    const before = await shell(site.host("web1"), tree);
    expectSuccess(await other.up());
    const { generations } = (await site.stack.outputs()) as { generations: readonly string[] };
    const root = `/var/lib/pulumi-jail/jails/apache/generations/${generations[0]}`;
    expect(await other.outputs()).toEqual({ generation: generations[0], root });
    expectSuccess(await other.destroy());
    expect(await shell(site.host("web1"), tree)).toBe(before);
    other.write("index.ts", reading("nothing"));
    const missing = await other.preview();
    expect(missing.exitCode).not.toBe(0);
    expect(missing.stdout + missing.stderr).toContain("jail nothing does not exist on web1");
    other.close();
  });
});
