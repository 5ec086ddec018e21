import { parseArgs } from "node:util";
import { UsageError } from "./usage.ts";

/** A command line, taken apart. */
export interface Words {
  readonly command: string;
  readonly rest: readonly string[];
  readonly stack?: string;
  readonly cwd: string;
  readonly host?: string;
  readonly json: boolean;
  readonly format: "cyclonedx" | "spdx";
  readonly output?: string;
}

/** Parses the words after the program's name; undefined is a wish for help. Throws a `UsageError`. */
export function parseWords(argv: readonly string[]): Words | undefined {
  const { values, positionals } = parsed(argv);
  const [command, ...rest] = positionals;
  if (values.help || command === undefined || command === "help") return undefined;
  const { format = "cyclonedx", cwd = process.cwd(), json = false, stack, host, output } = values;
  if (format !== "cyclonedx" && format !== "spdx") throw new UsageError(`--format ${format}: cyclonedx or spdx`);
  if (command !== "sbom" && (values.format ?? output) !== undefined)
    throw new UsageError(`${command} has no --format and no --output`);
  return {
    ...{ command, rest, cwd, json, format },
    ...(stack !== undefined && { stack }),
    ...(host !== undefined && { host }),
    ...(output !== undefined && { output }),
  };
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], allowPositionals: true, options });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

const options = {
  help: { type: "boolean", short: "h" },
  json: { type: "boolean" },
  stack: { type: "string", short: "s" },
  cwd: { type: "string", short: "C" },
  host: { type: "string" },
  format: { type: "string" },
  output: { type: "string", short: "o" },
} as const;
