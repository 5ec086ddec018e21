import { deliver } from "../output.ts";
import { stackOfState } from "../stack.ts";
import { assembleStatus } from "../status/assemble.ts";
import { hostsOf } from "../status/known-host.ts";
import type { Status } from "../status/shape.ts";
import { exitCodeOf, lookAtStack } from "../status/status.ts";
import { DONE, UsageError } from "../usage.ts";
import type { Words } from "../words.ts";
import { renderMermaid } from "./mermaid.ts";
import { graphOf } from "./model.ts";
import { renderSvg } from "./svg.ts";

/** `graph`. */
export async function graph(words: Words, print: (text: string) => void): Promise<number> {
  if (words.rest.length > 0 || words.json) throw new UsageError("graph, without --json (see status)");
  const status = words.live ? await lookAtStack(words) : await fromState(words);
  const model = graphOf(status);
  deliver(words.format === "svg" ? renderSvg(model) : renderMermaid(model), words.output, print);
  return words.live ? exitCodeOf(status) : DONE;
}

/** No host is asked. */
async function fromState(words: Words): Promise<Status> {
  const known = await stackOfState(words);
  const hosts = hostsOf(known).filter(({ name }) => words.host === undefined || name === words.host);
  return assembleStatus(
    known,
    hosts.map((host) => [host, undefined] as const),
    new Date(),
  );
}
