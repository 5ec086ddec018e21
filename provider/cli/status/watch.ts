import { setTimeout as pause } from "node:timers/promises";
import { DONE } from "../usage.ts";
import type { Words } from "../words.ts";
import { drawing, lookAtStack } from "./status.ts";
import { renderStatus } from "./text.ts";

/**
 * Looks again and again until Ctrl-C: on a terminal the screen is drawn anew, elsewhere one status follows the other, with
 * `--json` one line each. A look that fails is told and the next one tries again.
 */
export async function watch(words: Words, seconds: number, print: (text: string) => void): Promise<number> {
  const stop = new AbortController();
  const end = () => stop.abort();
  process.once("SIGINT", end).once("SIGTERM", end);
  const gone = ended(stop.signal);
  try {
    while (!stop.signal.aborted) {
      const text = await Promise.race([look(words), gone]);
      if (text !== undefined) print(text);
      await pause(seconds * 1000, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    process.off("SIGINT", end).off("SIGTERM", end);
  }
  return DONE;
}

async function look(words: Words): Promise<string> {
  try {
    const seen = await lookAtStack(words);
    if (words.json) return JSON.stringify(seen);
    return screen([seen.at.replace("T", " ").slice(0, 19), ...renderStatus(seen, drawing())]);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return words.json ? JSON.stringify({ schema: 1, error: text }) : screen([text]);
  }
}

/** From the upper left corner, and nothing of the last one left (CSI H, CSI J; ECMA-48); never scrolled. */
function screen(lines: readonly string[]): string {
  const { isTTY, rows } = process.stdout;
  if (!isTTY) return `${lines.join("\n")}\n`;
  const room = Math.max(5, rows || 24) - 2;
  const cut = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more lines`];
  return `\u001b[H\u001b[J${cut.join("\n")}`;
}

function ended(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
