#!/usr/bin/env node
import { closeHosts } from "../host/pool.ts";
import { diff } from "./diff.ts";
import { discover } from "./discover.ts";
import { explain } from "./explain.ts";
import { graph } from "./graph/graph.ts";
import { metrics } from "./metrics/metrics.ts";
import { sbom } from "./sbom.ts";
import { status } from "./status/status.ts";
import { DONE, FAILED, USAGE, UsageError, usage } from "./usage.ts";
import { verify } from "./verify.ts";
import { parseWords } from "./words.ts";

/** The closed list of commands. */
const commands = { discover, explain, sbom, diff, verify, status, graph, metrics } as const;

/** Runs one command line and gives its exit code. */
export async function main(argv: readonly string[], print: (text: string) => void = console.log): Promise<number> {
  try {
    const words = parseWords(argv);
    if (words === undefined) {
      print(usage);
      return argv.length === 0 ? USAGE : DONE;
    }
    const run = Object.hasOwn(commands, words.command) ? commands[words.command as keyof typeof commands] : undefined;
    if (run === undefined) throw new UsageError(`there is no command ${words.command}; --help lists them`);
    return await run(words, print);
  } catch (error) {
    console.error(`pulumi-jail: ${error instanceof Error ? error.message : String(error)}`);
    return error instanceof UsageError ? USAGE : FAILED;
  } finally {
    closeHosts();
  }
}

if (require.main === module)
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
    // A host that is still being dialled, with nobody left to wait for it, holds the process no longer.
    setTimeout(() => process.exit(code), 500).unref();
  });
