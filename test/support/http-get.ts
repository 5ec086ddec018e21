import { type Agent, request } from "node:http";

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
