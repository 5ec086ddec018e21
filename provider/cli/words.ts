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
  /** One of the command's. */
  readonly format?: string;
  readonly output?: string;
  /** Compare all that there is with what was declared. */
  readonly drift?: boolean;
  /** Ask the hosts too. */
  readonly live?: boolean;
  /** Seconds between two looks. */
  readonly watch?: number;
  /** Seconds that a host may take. */
  readonly timeout?: number;
}

/** Parses the words after the program's name; undefined is a wish for help. Throws a `UsageError`. */
export function parseWords(argv: readonly string[]): Words | undefined {
  const { values, positionals } = parsed(argv.map((word) => (word === "--watch" ? `--watch=${WATCH_SECONDS}` : word)));
  const [command, ...rest] = positionals;
  if (values.help || command === undefined || command === "help") return undefined;
  const { cwd = process.cwd(), json = false, stack, host, output, drift, live } = values;
  const of = own[command] ?? { options: [], formats: [] };
  for (const name of ["format", "output", "drift", "live", "watch", "timeout"] as const) {
    if (values[name] !== undefined && !of.options.includes(name)) throw new UsageError(`${command} has no --${name}`);
  }
  const [standard] = of.formats;
  const format = values.format ?? standard;
  if (format !== undefined && !of.formats.includes(format))
    throw new UsageError(`--format ${format}: ${of.formats.join(" or ")}`);
  return {
    ...{ command, rest, cwd, json },
    ...(format !== undefined && { format }),
    ...(stack !== undefined && { stack }),
    ...(host !== undefined && { host }),
    ...(output !== undefined && { output }),
    ...(drift && { drift }),
    ...(live && { live }),
    ...(values.watch !== undefined && { watch: seconds("watch", values.watch) }),
    ...(values.timeout !== undefined && { timeout: seconds("timeout", values.timeout) }),
  };
}

const WATCH_SECONDS = 5;

/** Options that only some commands have; the first format is the default. */
const own: Readonly<Record<string, { readonly options: readonly string[]; readonly formats: readonly string[] }>> = {
  sbom: { options: ["format", "output"], formats: ["cyclonedx", "spdx"] },
  status: { options: ["drift", "watch", "timeout"], formats: [] },
  graph: { options: ["format", "output", "live", "timeout"], formats: ["mermaid", "svg"] },
  metrics: { options: ["output", "timeout"], formats: [] },
};

function seconds(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= 86400) return value;
  throw new UsageError(`--${name} ${text}: seconds, 1 to 86400`);
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
  drift: { type: "boolean" },
  live: { type: "boolean" },
  watch: { type: "string" },
  timeout: { type: "string" },
} as const;
