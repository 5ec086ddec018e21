import { get as getHttp, type RequestOptions } from "node:http";
import { get as getHttps } from "node:https";

/** A checked gate: its defaults filled in. */
export interface GateInputs {
  readonly url: string;
  readonly samples: number;
  readonly maxFailures: number;
}

/** A request may take so long; what is slower fails. */
const TIMEOUT_MS = 5000;

/**
 * Asks the gate's URL from where Pulumi runs, so many times over so many seconds; gives the reason when more than the
 * allowed number failed, as soon as that is so. Anything but a status of 200 to 399 is a failure; no redirect is
 * followed. The URL may hold a token: no message has any part of it.
 */
export async function passGate(
  gate: GateInputs,
  seconds: number,
  progress: (text: string) => void,
): Promise<string | undefined> {
  const begin = Date.now();
  const reasons = new Map<string, number>();
  let failed = 0;
  for (let sample = 1; sample <= gate.samples; sample += 1) {
    const due = begin + (seconds * 1000 * sample) / gate.samples;
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - Date.now())));
    progress(`asking the gate, ${sample} of ${gate.samples}`);
    const reason = await failureOf(gate.url);
    if (reason === undefined) continue;
    failed += 1;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (failed > gate.maxFailures) return describeFailures(gate, sample, failed, reasons);
  }
  return undefined;
}

function describeFailures(
  gate: GateInputs,
  asked: number,
  failed: number,
  reasons: ReadonlyMap<string, number>,
): string {
  const causes = [...reasons].map(([reason, count]) => `${reason} ${count} time${count === 1 ? "" : "s"}`).join(", ");
  return `the gate failed ${failed} of ${asked} times, ${gate.maxFailures} allowed: ${causes}`;
}

function failureOf(url: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    // A connection of its own each time, as new clients come: one that is kept stays with the old generation.
    const options: RequestOptions = { agent: false, headers: { "user-agent": "pulumi-jail" }, timeout: TIMEOUT_MS };
    const call = (url.startsWith("https:") ? getHttps : getHttp)(url, options, (answer) => {
      answer.resume();
      const status = answer.statusCode ?? 0;
      const isGood = status >= 200 && status < 400;
      answer.on("end", () => resolve(isGood ? undefined : `status ${status}`));
      answer.on("error", (error) => resolve(codeOf(error)));
    });
    call.on("timeout", () => call.destroy(Object.assign(new Error(), { code: `no answer in ${TIMEOUT_MS / 1000} s` })));
    call.on("error", (error) => resolve(codeOf(error)));
  });
}

/** Never the message, in which the URL's host or more of it may be. */
function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.name;
}
