import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watch } from "../../../provider/cli/status/watch.ts";

/** A Pulumi CLI whose stack has no resources, or that fails. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pulumi-jail-watch-"));
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const pulumi = (script: string) => writeFileSync(join(folder, "pulumi"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
const words = { command: "status", rest: [], cwd: tmpdir(), json: true };

test("looks again and again, goes on after a failure, and ends at Ctrl-C with exit code 0", async () => {
  pulumi("echo '{}'");
  const before = process.listeners("SIGINT");
  const printed: string[] = [];
  const code = watch(words, 0.05, (text) => printed.push(text));
  const looked = (least: number) =>
    expect.poll(() => printed.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(least);
  await looked(2);
  expect(JSON.parse(printed[0]!)).toMatchObject({ schema: 1, hosts: [], problems: [] });
  pulumi("echo 'no stack' >&2; exit 1");
  await expect.poll(() => printed.at(-1), { timeout: 10_000 }).toContain("no stack");
  pulumi("echo '{}'");
  await expect.poll(() => printed.at(-1), { timeout: 10_000 }).toContain("hosts");
  const [ours] = process.listeners("SIGINT").filter((listener) => !before.includes(listener));
  ours?.("SIGINT");
  expect(await code).toBe(0);
  expect(process.listeners("SIGINT")).toEqual(before);
  const count = printed.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(printed).toHaveLength(count);
});
