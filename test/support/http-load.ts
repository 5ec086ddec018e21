import { Agent, request } from "node:http";

/** What the clients of a load saw. */
export interface LoadResult {
  readonly answered: number;
  /** Anything but a 200: a refused or reset connection, a 5xx. */
  readonly failed: number;
  readonly errors: Readonly<Record<string, number>>;
  /** Answers by the first word of their body. */
  readonly by: Readonly<Record<string, number>>;
}

/** Sends GETs until `stop`, half of the clients on connections kept alive, half on a new one for each request. */
export function startLoad(url: string, clients: number): { stop(): Promise<LoadResult> } {
  const agent = new Agent({ keepAlive: true });
  let stopped = false;
  const counts = { answered: 0, failed: 0 };
  const errors: Record<string, number> = {};
  const by: Record<string, number> = {};
  const note = (table: Record<string, number>, key: string) => {
    table[key] = (table[key] ?? 0) + 1;
  };
  const client = async (index: number) => {
    while (!stopped) {
      const answer = await get(url, index % 2 === 0 ? agent : undefined);
      if (answer.status === 200) {
        counts.answered++;
        note(by, answer.text.split(/\s/, 1)[0]!);
      } else {
        counts.failed++;
        note(errors, answer.text);
      }
    }
  };
  const running = Array.from({ length: clients }, (_, index) => client(index));
  return {
    stop: async () => {
      stopped = true;
      await Promise.all(running);
      agent.destroy();
      return { ...counts, errors, by };
    },
  };
}

/** One GET; a failure is status 0 with its code. */
export function get(
  url: string,
  agent?: Agent,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const failed = (error: NodeJS.ErrnoException) => resolve({ status: 0, text: error.code ?? error.message });
    const sent = request(
      url,
      { agent: agent ?? false, headers: agent ? headers : { connection: "close", ...headers }, timeout: 10_000 },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.on("error", failed);
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          resolve({ status, text: status === 200 ? Buffer.concat(parts).toString() : String(status) });
        });
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("timeout")));
    sent.on("error", failed);
    sent.end();
  });
}
