import { stackOfState } from "../stack.ts";
import { DONE, FAILED, FOUND, UsageError } from "../usage.ts";
import type { Words } from "../words.ts";
import { assembleStatus } from "./assemble.ts";
import { hostsOf } from "./known-host.ts";
import { type Look, lookAtHost } from "./look.ts";
import type { Status } from "./shape.ts";
import type { Drawing } from "./table.ts";
import { renderStatus } from "./text.ts";
import { watch } from "./watch.ts";

/** `status`. */
export async function status(words: Words, print: (text: string) => void): Promise<number> {
  if (words.rest.length > 0) throw new UsageError("status");
  if (words.watch !== undefined) return watch(words, words.watch, print);
  const seen = await lookAtStack(words);
  print(words.json ? JSON.stringify(seen, undefined, 2) : renderStatus(seen, drawing()).join("\n"));
  return exitCodeOf(seen);
}

/** Reads the state and asks all of its hosts at once. */
export async function lookAtStack(words: Words): Promise<Status> {
  const look: Look = { deadlineSeconds: words.timeout ?? (words.drift ? 120 : 15), drift: words.drift === true };
  // What a secret should be is compared with what is on the host.
  const known = await stackOfState(words, words.drift);
  const all = hostsOf(known);
  const hosts = words.host === undefined ? all : all.filter(({ name }) => name === words.host);
  if (hosts.length === 0 && words.host !== undefined)
    throw new UsageError(`the stack has no host ${words.host}; it has ${all.map(({ name }) => name).join(", ")}`);
  const seen = await Promise.all(hosts.map(async (host) => [host, await lookAtHost(host, known, look)] as const));
  return assembleStatus(known, seen, new Date());
}

/** A host that does not answer is worse than a problem that one told. */
export function exitCodeOf({ hosts, problems }: Status): number {
  if (hosts.some(({ reachable }) => !reachable)) return FAILED;
  return problems.length > 0 ? FOUND : DONE;
}

/** For the terminal that there is: 80 to 120 columns, colours for people only (no-color.org). */
export function drawing(
  { columns, isTTY }: { readonly columns?: number; readonly isTTY?: boolean } = process.stdout,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Drawing {
  const colour = isTTY === true && !environment["NO_COLOR"] && environment["TERM"] !== "dumb";
  return { width: Math.min(120, Math.max(80, columns ?? 120)), colour };
}
