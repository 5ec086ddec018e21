import { spawn } from "node:child_process";

/** Runs the Pulumi CLI in the project's directory and gives its stdout; throws with what it said when it fails. */
export async function runPulumi(
  words: readonly string[],
  { cwd, stack, env }: { readonly cwd: string; readonly stack?: string; readonly env?: NodeJS.ProcessEnv },
): Promise<string> {
  const command = [...words, "--non-interactive", ...(stack === undefined ? [] : ["--stack", stack])];
  const child = spawn("pulumi", command, {
    cwd,
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, told] = [text(child.stdout), text(child.stderr)];
  const code = await new Promise<number | null>((done, failed) => child.on("error", failed).on("close", done));
  if (code === 0) return out;
  throw new Error(
    `pulumi ${command.join(" ")} failed with exit code ${code}\n${(await told).trim()}${summary(await out)}`,
  );
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  return Buffer.concat(parts).toString("utf8");
}

/** A preview tells its errors as JSON on stdout. */
function summary(out: string): string {
  try {
    const { diagnostics = [] } = JSON.parse(out) as {
      diagnostics?: readonly { readonly severity?: string; readonly message?: string }[];
    };
    const errors = diagnostics.filter(({ severity }) => severity === "error");
    return errors.map(({ message }) => `\n${(message ?? "").trim()}`).join("");
  } catch {
    return "";
  }
}
