import { spawn, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { cacheDirectory } from "../paths.ts";
import { progressLine } from "../progress.ts";

/** The `pulumi` to use: the one on PATH if it is a Pulumi 3, else the pinned one, built once per machine (some six minutes). */
export async function provideCli(): Promise<string> {
  const installed = findOnPath("pulumi");
  if (installed !== undefined && isPulumi3(installed)) return installed;
  const target = join(cacheDirectory(), "engine", pinnedVersion(), "pulumi");
  if (!existsSync(target)) await build(target);
  return target;
}

/** The first executable of that name on PATH, without directories of the checkout's own. */
export function findOnPath(name: string): string | undefined {
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const file = join(directory, name);
    if (directory.includes(".pulumi-jail") || directory.includes("node_modules")) continue;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  return undefined;
}

function isPulumi3(file: string): boolean {
  const env = { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" };
  return /^v3\./.test(spawnSync(file, ["version"], { env, encoding: "utf8" }).stdout ?? "");
}

/** go.mod is the one place that names the version: it is never queried from a registry. */
function pinnedVersion(): string {
  const goMod = readFileSync(join(import.meta.dirname, "go.mod"), "utf8");
  const version = /github\.com\/pulumi\/pulumi\/pkg\/v3 (v\S+)/.exec(goMod)?.[1];
  if (version === undefined) throw new Error("dev/engine/go.mod requires no github.com/pulumi/pulumi/pkg/v3");
  return version;
}

async function build(target: string): Promise<void> {
  if (findOnPath("go") === undefined) {
    throw new Error("no `pulumi` on PATH and no `go` to build it with; install either (pulumi.com/docs/install)");
  }
  mkdirSync(dirname(target), { recursive: true });
  const line = progressLine();
  line.update(`building the Pulumi engine ${pinnedVersion()} (once; downloading its modules)`);
  // A second run waits for the first and then finds the file there.
  const script = ["sh", join(import.meta.dirname, "build"), target];
  const [file, ...args] = findOnPath("flock") === undefined ? script : ["flock", `${target}.lock`, ...script];
  const child = spawn(file ?? "sh", args, { stdio: ["ignore", "inherit", "pipe"] });
  const lastLines: string[] = [];
  let total = 0;
  let compiled = 0;
  for await (const text of createInterface({ input: child.stderr })) {
    lastLines.splice(0, lastLines.length - 19);
    lastLines.push(text);
    if (text.startsWith("total ")) total = Number(text.slice(6));
    else if (total > 0) compiled += 1;
    if (total > 0) line.update(`building the Pulumi engine: ${compiled} of ${total} packages compiled`);
  }
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once("exit", resolve)));
  if (code !== 0) {
    line.done();
    throw new Error(`the Pulumi engine could not be built:\n${lastLines.join("\n")}`);
  }
  line.done(`built the Pulumi engine into ${target}`);
}
