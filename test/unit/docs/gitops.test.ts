import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { repository } from "../../../dev/paths.ts";

interface Job {
  readonly concurrency?: object;
  readonly resource_group?: string;
  readonly steps?: readonly { readonly uses?: string; readonly run?: string }[];
  readonly script?: readonly string[];
}

const { load } = createRequire(import.meta.url)("js-yaml") as { load(text: string): unknown };
const read = (name: string) => readFileSync(join(repository, "examples/gitops", name), "utf8");
const parse = <T>(name: string) => load(read(name)) as T;
const subcommands = ["preview", "up", "drift"] as const;

describe("examples/gitops", () => {
  const github = parse<{ on: object; jobs: Record<string, Job> }>(".github/workflows/pipeline.yml");
  const gitlab = parse<Record<string, Job>>(".gitlab-ci.yml");

  it("has a job for each subcommand of its script, on both platforms", () => {
    for (const name of subcommands) {
      const runs = github.jobs[name]?.steps?.map(({ run }) => run);
      expect(runs).toContain(`./pipeline ${name}`);
      expect(gitlab[name]?.script).toEqual([`./pipeline ${name}`]);
      expect(read("pipeline")).toContain(`    ${name}) ${name} ;;`);
    }
    expect(Object.keys(github.on)).toEqual(["pull_request", "push", "schedule"]);
  });

  it("runs one up at a time and ends none half-way", () => {
    expect(github.jobs["up"]?.concurrency).toEqual({ group: "production", "cancel-in-progress": false });
    expect(gitlab["up"]?.resource_group).toBe("production");
  });

  it("pins each action by its commit", () => {
    const uses = Object.values(github.jobs).flatMap(({ steps = [] }) => steps.flatMap((step) => step.uses ?? []));
    expect(uses).toHaveLength(6);
    for (const action of uses) expect(action).toMatch(/@[0-9a-f]{40}$/);
  });

  it("names in its README each variable that the CI files hand on", () => {
    const names = read(".github/workflows/pipeline.yml").match(/(?<=(?:vars|secrets)\.)\w+/g) ?? [];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(read("README.md")).toContain(`\`${name}\``);
  });

  it("is a project that Node runs as it is", () => {
    expect(parse("Pulumi.yaml")).toMatchObject({
      name: "web",
      runtime: { name: "nodejs", options: { typescript: false } },
    });
  });
});
