import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository } from "../../dev/paths.ts";
import { openStack, type Stack } from "../support/engine.ts";

const connection = { connection: { host: "192.0.2.1", hostKey: "ssh-ed25519 AAAA" } };

let directory: string;
let stack: Stack;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "pulumi-jail-pack-"));
  const npm = (...args: string[]): string => execFileSync("npm", args, { cwd: directory, encoding: "utf8" });
  // dist/ is fresh: dev/run compiled it; prepack would compile it anew under the other tests.
  npm("pack", repository, "--ignore-scripts", "--loglevel=error");
  const tarball = readdirSync(directory).find((name) => name.endsWith(".tgz")) ?? "";
  npm(
    "install",
    "--ignore-scripts",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--omit=peer",
    "--legacy-peer-deps",
    "--loglevel=error",
    `./${tarball}`,
  );
  // The peer dependency, as a user's project has it.
  symlinkSync(join(repository, "node_modules/@pulumi"), join(directory, "node_modules/@pulumi"));
  const installed = relative(repository, join(directory, "node_modules"));
  const packages = ["pulumi-jail", "ssh2", "valibot"].map((name) => [name, join(installed, name)] as const);
  stack = await openStack({
    directory: "examples/apache",
    config: { "pulumi-jail:hosts": { web1: connection, web2: connection, edge: connection } },
    packages: Object.fromEntries(packages),
  });
}, 120_000);

afterAll(() => {
  stack?.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("the package, packed and installed in another directory", () => {
  it("holds what it needs to run, and no tests", () => {
    const files = execFileSync("find", [join(directory, "node_modules/pulumi-jail"), "-type", "f", "-printf", "%P\n"], {
      encoding: "utf8",
    });
    expect(files).toMatch(/^dist\/lifecycle\.js$/m);
    expect(files).toMatch(/^dist\/host\/scripts\/prelude\.sh$/m);
    expect(files).not.toMatch(/^(test|dev|bench|examples)\/|(?<!\.d)\.ts$/m);
  });

  it("previews the example", async () => {
    const preview = await stack.preview();
    expect(preview.stdout + preview.stderr).not.toContain("error");
    expect(preview.changes).toEqual({ create: 7 });
  });
});
