import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Endpoint } from "../../provider/index.ts";
import { answers, expectSuccess, hostsConfig, openSite, type Site } from "../support/site.ts";

interface Job {
  readonly exitCode: number | null;
  readonly log: string;
  readonly directory: string;
}

const token = "canary-7d1f0c55";
const passphrase = "correct horse battery";
const root = mkdtempSync(join(tmpdir(), "pulumi-jail-gitops-"));
const remote = join(root, "remote.git");
/** What all jobs printed: where a secret would be seen. */
const logs: string[] = [];
let site: Site;

function git(directory: string, ...words: readonly string[]): string {
  const who = ["-c", "user.name=ops", "-c", "user.email=ops@example.org"];
  return execFileSync("git", [...who, ...words], { cwd: directory, encoding: "utf8" }).trim();
}

/** Changes files of the developer's clone, commits and pushes them; the commit. */
function push(files: Readonly<Record<string, string>>, branch = "main"): string {
  const { directory } = site.stack;
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  git(directory, "add", "--all");
  git(directory, "commit", "--quiet", "--message", "A change");
  git(directory, "push", "--quiet", "origin", `HEAD:refs/heads/${branch}`);
  return git(directory, "rev-parse", "HEAD");
}

/** A job as a CI runs it: a new clone at the commit of the event, its variables, the repository's script. */
async function job(commit: string, subcommand: "preview" | "up" | "drift"): Promise<Job> {
  const directory = mkdtempSync(join(root, "job-"));
  git(directory, "clone", "--quiet", remote, ".");
  git(directory, "checkout", "--quiet", "--detach", commit);
  symlinkSync(join(site.stack.directory, "node_modules"), join(directory, "node_modules"));
  const privateKey = readFileSync(site.hosts.hosts[0]?.privateKeyPath ?? "", "utf8");
  const env = { PULUMI_JAIL_PRIVATE_KEY: privateKey, PULUMI_JAIL_PRIVATE_KEY_FILE: "" };
  const { exitCode, stdout, stderr } = await site.stack.program(directory, "./pipeline", [subcommand], env);
  logs.push(stdout + stderr);
  return { exitCode, log: stdout + stderr, directory };
}

function expectExit(done: Job, exitCode: number): void {
  if (done.exitCode !== exitCode) expect.fail(`exit code ${done.exitCode}, not ${exitCode}\n${done.log}`);
}

/** What each host's own service answers. */
async function pages(): Promise<string[]> {
  const { endpoints } = (await site.stack.outputs()) as unknown as { readonly endpoints: readonly Endpoint[] };
  const said = endpoints.map(({ address, hostPort }) => answers(`http://${address}:${hostPort}/`, 1));
  return (await Promise.all(said)).flat();
}

const both = (page: string) => [`200 ${page}`, `200 ${page}`];

beforeAll(async () => {
  site = await openSite("gitops", ["one", "two"], {
    directory: "examples/gitops",
    project: "web",
    stack: "production",
    env: { PULUMI_CONFIG_PASSPHRASE: passphrase },
  });
  site.stack.configure({ webHosts: ["one", "two"], pauseSeconds: 1, "pulumi-jail:hosts": hostsConfig(site.hosts) });
  expectSuccess(await site.stack.run(["config", "set", "--secret", "token", token], {}));
  execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", remote]);
  git(site.stack.directory, "init", "--quiet", "--initial-branch=main");
  git(site.stack.directory, "remote", "add", "origin", remote);
});
afterAll(async () => {
  await site?.close();
  rmSync(root, { recursive: true, force: true });
});

describe("examples/gitops", () => {
  it("brings a merged change to the hosts", async () => {
    expectExit(await job(push({ "index.html": "one\n" }), "up"), 0);
    expect(await pages()).toEqual(both("one"));
  });

  it("shows a proposed change as Markdown, bounded, and touches no host", async () => {
    const proposal = push({ "index.html": "proposed\n" }, "proposal");
    const done = await job(proposal, "preview");
    expectExit(done, 0);
    const comment = readFileSync(join(done.directory, "preview.md"), "utf8");
    expect(comment).toContain(`of production at ${proposal.slice(0, 7)}`);
    expect(comment).toContain("proposed");
    expect(comment.length).toBeLessThan(60_000);
    expect(comment).not.toContain(String.fromCharCode(27));
    expect(await pages()).toEqual(both("one"));
    // Not merged, so `up` refuses it.
    const up = await job(proposal, "up");
    expectExit(up, 1);
    expect(up.log).toContain(`refused: ${proposal} is not on main`);
    expect(await pages()).toEqual(both("one"));
    git(site.stack.directory, "reset", "--quiet", "--hard", "origin/main");
  });

  it("reports a change made by hand with the drift's sentence, and nothing when there is none", async () => {
    const commit = git(site.stack.directory, "rev-parse", "HEAD");
    const clean = await job(commit, "drift");
    expectExit(clean, 0);
    const tree = "/var/lib/pulumi-jail/jails";
    await site.host("two").exec(["sh", "-c", `find ${tree} -path '*/var/www/html/index.html' -delete`]);
    const drift = await job(commit, "drift");
    expectExit(drift, 2);
    expect(drift.log).toMatch(/^ {2}drift: .*\/var\/www\/html\/index\.html/m);
    expectExit(await job(commit, "up"), 0);
    expect(await pages()).toEqual(both("one"));
  });

  it("leaves the hosts serving the old when a broken change is merged, until the next good one", async () => {
    const broken = await job(push({ "site.conf": "NoSuchDirective on\n", "index.html": "broken\n" }), "up");
    expectExit(broken, 1);
    expect(broken.log).toContain("NoSuchDirective");
    expect(await pages()).toEqual(both("one"));
    expectExit(await job(push({ "site.conf": "ServerName web.example\n", "index.html": "two\n" }), "up"), 0);
    expect(await pages()).toEqual(both("two"));
  });

  it("does not mix two merges at once, and never goes back to the older", async () => {
    const older = push({ "index.html": "older\n" });
    const first = job(older, "up");
    const locks = join(site.stack.backend, ".pulumi/locks");
    const isLocked = () => readdirSync(locks, { recursive: true }).some((name) => String(name).endsWith(".json"));
    await expect.poll(isLocked, { timeout: 60_000, interval: 50 }).toBe(true);
    const newer = push({ "index.html": "newer\n" });
    const [one, two] = await Promise.all([first, job(newer, "up")]);
    expectExit(one, 0);
    expectExit(two, 0);
    expect(await pages()).toEqual(both("newer"));
    // The job of the older one, started again by hand or late.
    const late = await job(older, "up");
    expectExit(late, 0);
    expect(late.log).toContain(`superseded: ${older} is older than ${newer}`);
    expect(await pages()).toEqual(both("newer"));
  });

  it("has no secret in the repository, the state, a comment or a log", async () => {
    const jobs = readdirSync(root).filter((name) => name.startsWith("job-"));
    const comments = jobs.map((name) => join(root, name, "preview.md")).filter((path) => existsSync(path));
    const places = {
      commits: git(remote, "log", "--all", "--patch", "--format=%B"),
      state: `${site.stack.state()}`,
      comments: comments.map((path) => readFileSync(path, "utf8")).join("\n"),
      logs: logs.join("\n"),
    };
    const privateKey = readFileSync(site.hosts.hosts[0]?.privateKeyPath ?? "", "utf8");
    const holders = (text: string) =>
      Object.entries(places).flatMap(([name, all]) => (all.includes(text) ? [name] : []));
    for (const secret of [token, passphrase, privateKey.split("\n")[2] ?? ""]) {
      expect(secret.length).toBeGreaterThan(10);
      expect(holders(secret)).toEqual([]);
    }
    // The controls: the search sees each kind of place, and the secret did reach a host.
    expect(holders("index.html")).toEqual(Object.keys(places));
    const found = await site.host("one").exec(["sh", "-c", "cat /run/credentials/*/token"], { reject: false });
    expect(found.stdout).toContain(token);
  });
});
