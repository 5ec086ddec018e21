import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openStack, type Stack } from "../support/engine.ts";

const PROGRAM = `
import { Config } from "@pulumi/pulumi";
import { Note } from "constant-shim";
const config = new Config();
interface Settings { directory: string; text: string; slowMs?: number }
const settings = config.requireObject<Settings>("note");
new Note("note", settings);
export const text = settings.text;
`;

/** The CLI's exit code for "--expect-no-changes, and there were" (sdk/go/common/util/cmdutil/exit_codes.go). */
const CHANGES = 7;

describe("the real engine, driven by tests", () => {
  let directory: string;
  let stack: Stack;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), "pulumi-jail-notes-"));
    const packages = { "constant-shim": "test/fixtures/constant-shim" };
    stack = await openStack({ program: PROGRAM, packages, config: { note: { directory, text: "one" } } });
  });

  afterEach(() => {
    stack.close();
    rmSync(directory, { recursive: true });
  });

  const note = (): string => readFileSync(join(directory, "note"), "utf8");

  it("reports creation, no-op, update and deletion step by step", async () => {
    const created = await stack.up();
    expect(created).toMatchObject({ exitCode: 0, stderr: "", changes: { create: 1 } });
    expect(created.steps.filter((step) => step.name === "note")).toMatchObject([
      { type: "pulumi-nodejs:dynamic/constant-shim:Note", op: "create", failed: false, after: { text: "one" } },
    ]);
    expect(created.diagnostics).toMatchObject([{ message: "creating note", severity: "info" }]);
    expect(await stack.outputs()).toEqual({ text: "one" });
    expect(stack.resources()).toMatchObject([{ id: "note", outputs: { text: "one" } }]);

    expect((await stack.up()).changes).toEqual({ same: 1 });
    expect((await stack.preview({ expectNoChanges: true })).exitCode).toBe(0);

    stack.configure({ note: { directory, text: "two" } });
    expect(await stack.preview({ expectNoChanges: true })).toMatchObject({ changes: { update: 1 }, exitCode: CHANGES });
    expect(note()).toBe("one");
    expect(await stack.up()).toMatchObject({ changes: { update: 1 }, exitCode: 0 });
    expect(note()).toBe("two");

    expect(await stack.destroy()).toMatchObject({ changes: { delete: 1 }, exitCode: 0 });
    expect(existsSync(join(directory, "note"))).toBe(false);
  });

  it("shows drift and leaves the state's bytes alone in previews", async () => {
    await stack.up();
    const before = stack.state();
    expect(before?.length).toBeGreaterThan(0);
    writeFileSync(join(directory, "note"), "spoilt");

    const refreshed = await stack.refresh({ previewOnly: true });
    expect(refreshed.stdout).toMatch(/one.*=>.*spoilt/);
    const preview = await stack.preview({ refresh: true, expectNoChanges: true });
    expect(preview.changes).toMatchObject({ update: 1 });
    expect(preview.exitCode).toBe(CHANGES);
    expect(stack.state()).toEqual(before);

    expect((await stack.up({ refresh: true })).exitCode).toBe(0);
    expect(note()).toBe("one");
  });

  it("kills CLI, program and provider in the middle of a creation, and goes on after cancel", async () => {
    stack.configure({ note: { directory, text: "one", slowMs: 600_000 } });
    const killer = new AbortController();
    const killed = await stack.up({
      signal: killer.signal,
      onDiagnostic: ({ message }) => message === "creating note" && killer.abort(),
    });
    expect(killed.exitCode).toBe(null);
    expect(existsSync(join(directory, "note"))).toBe(true);
    expect(stack.resources()).toEqual([]);

    stack.configure({ note: { directory, text: "one" } });
    expect((await stack.up()).stderr).toContain("locked");
    await stack.cancel();
    expect(await stack.up()).toMatchObject({ exitCode: 0, changes: { create: 1 } });
    expect(readFileSync(join(directory, "log"), "utf8")).toBe("create note\ncreate note\n");
  });

  it("keeps the stack through export, import and a move of the project's directory", async () => {
    await stack.up();
    const deployment = await stack.export();
    stack.moveProject();
    expect((await stack.import(deployment)).exitCode).toBe(0);
    expect((await stack.up({ expectNoChanges: true })).changes).toEqual({ same: 1 });
  });
});
