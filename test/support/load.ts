import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Requests under way against one address, counted one by one. */
export interface Load {
  /** So far. */
  count(): LoadCount;
  /** Resolves when so many requests have been made: a number, not a rate, as a busy machine takes longer for it. */
  reach(requests: number): Promise<void>;
  /** Ends it when every request under way has ended. */
  stop(): Promise<LoadCount>;
}

export interface LoadCount {
  readonly requests: number;
  readonly failed: number;
  /** How often each error was seen. */
  readonly errors: Readonly<Record<string, number>>;
}

/**
 * So long a worker rests after each answer. Without a rest the load takes the processor that what is under test needs, and
 * shows no more: a change of some 10 ms still meets several requests of each worker.
 */
const REST_MS = 4;
const ANSWER_MS = 10_000;

/**
 * Workers that ask again and again, some on a connection they keep, some on a new one each time. Anything but a whole
 * answer with status 200 is failed; nothing is ever tried again. It stops by itself after `mostSeconds`.
 */
export function startLoad(
  url: string,
  workers: { readonly keepAlive: number; readonly fresh: number },
  mostSeconds = 300,
): Load {
  const errors: Record<string, number> = {};
  let requests = 0;
  let failed = 0;
  let isRunning = true;
  const until = Date.now() + mostSeconds * 1000;
  const work = async (keeps: boolean): Promise<void> => {
    let kept: Socket | undefined;
    while (isRunning && Date.now() < until) {
      requests += 1;
      const answer = await ask(new URL(url), keeps, kept);
      kept = answer.kept;
      if (answer.error !== undefined) {
        failed += 1;
        errors[answer.error] = (errors[answer.error] ?? 0) + 1;
      }
      await sleep(REST_MS);
    }
    kept?.destroy();
  };
  const all = [
    ...Array.from({ length: workers.keepAlive }, () => work(true)),
    ...Array.from({ length: workers.fresh }, () => work(false)),
  ];
  const count = () => ({ requests, failed, errors: { ...errors } });
  return {
    count,
    reach: async (least) => {
      while (requests < least && Date.now() < until) await sleep(50);
      if (requests < least) throw new Error(`${requests} requests within ${mostSeconds} s, not ${least}`);
    },
    stop: async () => {
      isRunning = false;
      await Promise.all(all);
      return count();
    },
  };
}

interface Answer {
  readonly error?: string;
  /** The connection, where the server keeps it too. */
  readonly kept?: Socket | undefined;
}

/** By a socket of its own: node:http costs this machine five times as much as the server under test. */
function ask(url: URL, keeps: boolean, kept: Socket | undefined): Promise<Answer> {
  const isReused = kept !== undefined && !kept.destroyed;
  const socket = isReused ? kept : connect({ host: url.hostname, port: Number(url.port || 80), noDelay: true });
  return new Promise((resolve) => {
    let text = "";
    const settle = (error: string | undefined, isKept: boolean) => {
      socket.removeAllListeners();
      // What comes to a connection that waits is seen at its next request, as any client would.
      if (isKept) socket.on("error", () => socket.destroy()).on("end", () => socket.destroy());
      else socket.on("error", () => {}).destroy();
      resolve({ ...(error !== undefined && { error }), kept: isKept ? socket : undefined });
    };
    const on = `on a ${isReused ? "kept" : "new"} connection`;
    socket.setTimeout(ANSWER_MS, () => settle(`timeout ${on}`, false));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(`${error.code ?? error.message} ${on}`, false));
    socket.on("data", (part: Buffer) => {
      text += part.toString("latin1");
      const status = statusOfWhole(text);
      if (status === undefined) return;
      settle(status === "200" ? undefined : `status ${status}`, keeps && !/^connection: close\r$/im.test(text));
    });
    socket.on("close", () => settle(`${text === "" ? "closed without an answer" : "cut short"} ${on}`, false));
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\nConnection: ${keeps ? "keep-alive" : "close"}\r\n\r\n`,
    );
  });
}

/** The status of an answer of which all is there; the servers under test tell every length. */
function statusOfWhole(text: string): string | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = text.slice(0, end + 2);
  const status = /^HTTP\/1\.[01] (\d+)/.exec(head)?.[1] ?? "unknown";
  const length = /^content-length: (\d+)\r$/im.exec(head)?.[1];
  if (length === undefined) return `${status} without a length`;
  return text.length - end - 4 < Number(length) ? undefined : status;
}
