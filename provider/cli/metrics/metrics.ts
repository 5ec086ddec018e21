import { deliver } from "../output.ts";
import { lookAtStack } from "../status/status.ts";
import { DONE, FAILED, UsageError } from "../usage.ts";
import type { Words } from "../words.ts";
import { renderMetrics } from "./render.ts";

/** `metrics`. What is not well is in the figures, so only a host that does not answer is a failure; its absence is a figure too. */
export async function metrics(words: Words, print: (text: string) => void): Promise<number> {
  if (words.rest.length > 0 || words.json) throw new UsageError("metrics, without --json");
  const status = await lookAtStack(words);
  deliver(renderMetrics(status), words.output, print);
  return status.hosts.every(({ reachable }) => reachable) ? DONE : FAILED;
}
