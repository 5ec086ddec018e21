import { spawn } from "node:child_process";
import type { ExecOptions, ExecResult } from "./types.ts";

/** A command that failed: its result, and a message of command, exit code and its own words. */
export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly result: ExecResult;

  constructor(argv: readonly string[], result: ExecResult, note = "") {
    super(
      `${argv.join(" ")}: exit code ${result.exitCode}${note}\n${(result.stderr || result.stdout).trim().slice(-4000)}`,
    );
    this.name = "CommandError";
    this.argv = argv;
    this.result = result;
  }
}

/** Runs a command on this machine with an argument list (no shell) and gives what it wrote. */
export function run(argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  return new Promise((resolve, reject) => {
    const [program = "", ...rest] = argv;
    const child = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" } });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      child.kill("SIGKILL");
    }, options.timeout ?? 120_000);
    child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
    // A command may end without reading its input: that is not an error of ours.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input ?? "");
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const result: ExecResult = {
        exitCode: code ?? (signal === "SIGKILL" ? 137 : 128),
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      };
      const note = expired ? " (timed out)" : "";
      if ((result.exitCode !== 0 || expired) && options.reject !== false) reject(new CommandError(argv, result, note));
      else resolve(result);
    });
  });
}

/** The same command, ended by the kernel when we end (prctl(2), PR_SET_PDEATHSIG): a killed run must not write on. */
export function mortal(argv: readonly string[]): string[] {
  return ["setpriv", "--pdeathsig", "KILL", ...argv];
}
