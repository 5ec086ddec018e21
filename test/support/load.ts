import { Agent, request } from "node:http";

/** Requests under way against one address, counted one by one. */
export interface Load {
  /** So far. */
  count(): LoadCount;
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
 * Workers that ask again and again, half on a connection they keep, half on a new one each time. Anything but a whole
 * answer with status 200 is failed; nothing is ever tried again. It stops by itself after `mostSeconds`.
 */
export function startLoad(
  url: string,
  workers: { readonly keepAlive: number; readonly fresh: number },
  mostSeconds: number,
): Load {
  const errors: Record<string, number> = {};
  let requests = 0;
  let failed = 0;
  let isRunning = true;
  const until = Date.now() + mostSeconds * 1000;
  const work = async (agent: Agent | undefined): Promise<void> => {
    while (isRunning && Date.now() < until) {
      requests += 1;
      const error = await ask(url, agent);
      if (error !== undefined) {
        failed += 1;
        errors[error] = (errors[error] ?? 0) + 1;
        // A refused connection comes back at once: the dark time is counted as a client would, not as fast as it spins.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    agent?.destroy();
  };
  const all = [
    ...Array.from({ length: workers.keepAlive }, () => work(new Agent({ keepAlive: true, maxSockets: 1 }))),
    ...Array.from({ length: workers.fresh }, () => work(undefined)),
  ];
  const count = () => ({ requests, failed, errors: { ...errors } });
  return {
    count,
    stop: async () => {
      isRunning = false;
      await Promise.all(all);
      return count();
    },
  };
}

function ask(url: string, agent: Agent | undefined): Promise<string | undefined> {
  return new Promise((resolve) => {
    const call = request(url, { agent: agent ?? false, timeout: 10_000 }, (answer) => {
      answer.resume();
      answer.on("end", () =>
        resolve(answer.complete && answer.statusCode === 200 ? undefined : `status ${answer.statusCode}`),
      );
      answer.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
    call.on("timeout", () => call.destroy(new Error("timeout")));
    call.on("error", (error: NodeJS.ErrnoException) =>
      resolve(`${error.code ?? error.message} on a ${call.reusedSocket ? "kept" : "new"} connection`),
    );
    call.end();
  });
}
