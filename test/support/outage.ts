import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** How long nobody answered, and what that cost. */
export interface Outage {
  /** Between the last answer before and the first answer after the longest gap in which a request failed; 0 without a failure. */
  readonly longestMs: number;
  readonly requests: number;
  readonly failed: number;
}

export interface OutageWatch {
  requests(): number;
  /** Resolves after so many requests. */
  reach(requests: number): Promise<void>;
  stop(): Promise<Outage>;
}

const EVERY_MS = 20;
const ANSWER_MS = 1000;

/** A request on a new connection every 20 ms, whether the ones before are answered or not: an open load. */
export function watchOutages(url: string): OutageWatch {
  const { hostname, host, port } = new URL(url);
  const underWay = new Set<Promise<void>>();
  const failures: number[] = [];
  const answers: number[] = [];
  let requests = 0;
  let isRunning = true;
  const ask = (): Promise<void> => {
    requests += 1;
    const at = performance.now();
    return new Promise((resolve) => {
      const socket = connect({ host: hostname, port: Number(port || 80) });
      const settle = (isAnswer: boolean) => {
        socket.removeAllListeners();
        socket.on("error", () => {}).destroy();
        if (isAnswer) answers.push(performance.now());
        else failures.push(at);
        resolve();
      };
      socket.setTimeout(ANSWER_MS, () => settle(false));
      socket.on("error", () => settle(false)).on("close", () => settle(false));
      socket.on("data", (part) => settle(part.toString("latin1").startsWith("HTTP/1.1 200")));
      socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    });
  };
  const run = (async () => {
    while (isRunning) {
      const one = ask();
      underWay.add(one);
      one.finally(() => underWay.delete(one));
      await sleep(EVERY_MS);
    }
  })();
  return {
    requests: () => requests,
    reach: async (least) => {
      while (requests < least) await sleep(EVERY_MS);
    },
    stop: async () => {
      isRunning = false;
      await run;
      await Promise.all(underWay);
      const longest = answers
        .slice(1)
        .map((after, index) => ({ from: answers[index]!, after }))
        .filter(({ from, after }) => failures.some((at) => at >= from - ANSWER_MS && at <= after))
        .reduce((most, { from, after }) => Math.max(most, after - from), 0);
      return { longestMs: Math.round(longest), requests, failed: failures.length };
    },
  };
}
