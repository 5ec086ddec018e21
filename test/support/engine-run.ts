import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Diagnostic, diagnosticOf, type Events, readEvents } from "./engine-events.ts";

/** One finished (or killed) run of the CLI. */
export interface Run extends Events {
  readonly command: readonly string[];
  /** null when the run was killed. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Aborting kills the CLI and all that it started, with SIGKILL. */
  readonly signal?: AbortSignal;
  /** Called within some 20 ms of each message, status lines included: the place to decide on a kill. */
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
}

/** Every process of a run carries this variable: the engine gives plugins process groups of their own. */
const MARK = "PULUMI_JAIL_TEST_RUN";

/** Runs `pulumi` with an event log. A failed run is a result, not an exception: look at `exitCode`. */
export async function runPulumi(command: readonly string[], options: RunOptions): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), "pulumi-jail-run-"));
  const eventLog = join(directory, "events");
  const mark = randomUUID();
  const started = performance.now();
  const child = spawn("pulumi", [...command, ...(hasEvents(command) ? ["--event-log", eventLog] : [])], {
    cwd: options.cwd,
    env: { ...options.env, PULUMI_DEBUG_COMMANDS: "true", [MARK]: mark },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const kill = (): void => killMarked(mark);
  options.signal?.addEventListener("abort", kill);
  const stopWatching = options.onDiagnostic === undefined ? () => {} : watch(eventLog, options.onDiagnostic);
  try {
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    return { command, exitCode, ...output, durationMs: performance.now() - started, ...readEvents(eventLog) };
  } finally {
    stopWatching();
    options.signal?.removeEventListener("abort", kill);
    killMarked(mark);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What any other program said. */
export interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with the environment of a stack. */
export async function runProgram(program: string, words: readonly string[], options: RunOptions): Promise<Output> {
  const child = spawn(program, [...words], {
    cwd: options.cwd,
    env: { ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (output.stderr += text));
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { exitCode, ...output };
}

/** `pulumi import` and `stack` take no event log. */
function hasEvents(command: readonly string[]): boolean {
  return ["up", "preview", "refresh", "destroy"].includes(command[0] ?? "");
}

function watch(file: string, onDiagnostic: (diagnostic: Diagnostic) => void): () => void {
  let seen = 0;
  const look = (): void => {
    const lines = readLines(file);
    for (const line of lines.slice(seen)) {
      const diagnostic = diagnosticOf(line);
      if (diagnostic !== undefined) onDiagnostic(diagnostic);
    }
    seen = lines.length;
  };
  const timer = setInterval(look, 20);
  return () => {
    clearInterval(timer);
    look();
  };
}

/** Whole lines only: the last one may still be written. */
function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}

/** Until none is left, as one may start another between the look and the kill. */
function killMarked(mark: string): void {
  for (let round = 0; round < 20; round += 1) {
    const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isMarked(name, mark));
    if (pids.length === 0) return;
    for (const pid of pids) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {}
    }
  }
}

/** A zombie's environment reads as empty, so what is dead does not count. */
function isMarked(pid: string, mark: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`${MARK}=${mark}`);
  } catch {
    return false;
  }
}
