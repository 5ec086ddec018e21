import type { Launch } from "../manifest/launch.ts";

type Patience = Pick<
  Launch,
  "timeoutStartSeconds" | "timeoutStopSeconds" | "sendSIGKILL" | "oomScoreAdjust" | "limitMEMLOCK"
>;

/** How the unit guards data: the time it gives to recover and to write out, and what may kill it. Defaults are left out. */
export function patienceOf(unit: Readonly<Record<string, string>>): Patience {
  const start = secondsOf(unit["TimeoutStartSec"] ?? unit["TimeoutSec"]);
  const stop = secondsOf(unit["TimeoutStopSec"] ?? unit["TimeoutSec"]);
  const adjust = /^-?\d+$/.test(unit["OOMScoreAdjust"] ?? "") ? Number(unit["OOMScoreAdjust"]) : undefined;
  const memlock = /^(\d+[KMGTPE]?|infinity)$/.exec(unit["LimitMEMLOCK"] ?? "")?.[0];
  return {
    ...(start === undefined ? {} : { timeoutStartSeconds: start }),
    ...(stop === undefined ? {} : { timeoutStopSeconds: stop }),
    ...(/^(no|false|off|0|n|f)$/i.test(unit["SendSIGKILL"] ?? "") ? { sendSIGKILL: false } : {}),
    ...(adjust === undefined ? {} : { oomScoreAdjust: adjust }),
    ...(memlock === undefined ? {} : { limitMEMLOCK: memlock }),
  };
}

/** A time span of systemd.time(7) in whole seconds, `5min 20s`; 0 is for ever, as `infinity`. undefined when it is none. */
export function secondsOf(span: string | undefined): number | undefined {
  if (span === undefined || span === "") return undefined;
  if (span === "infinity") return 0;
  let rest = span.trim();
  let seconds = 0;
  while (rest !== "") {
    const [part, count, word] = /^(\d+(?:\.\d+)?)\s*([a-z]*)\s*/.exec(rest) ?? [];
    const unit = word === undefined ? undefined : units[word];
    if (part === undefined || unit === undefined) return undefined;
    seconds += Number(count) * unit;
    rest = rest.slice(part.length);
  }
  return Math.ceil(seconds);
}

const words: Readonly<Record<string, readonly string[]>> = {
  "0.000001": ["us", "usec"],
  "0.001": ["ms", "msec"],
  "1": ["", "s", "sec", "second", "seconds"],
  "60": ["m", "min", "minute", "minutes"],
  "3600": ["h", "hr", "hour", "hours"],
  "86400": ["d", "day", "days"],
};

const units: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(words).flatMap(([seconds, names]) => names.map((name) => [name, Number(seconds)])),
);
