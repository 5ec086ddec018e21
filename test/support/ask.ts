import { type IncomingHttpHeaders, request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as text. */
  readonly text: string;
}

export interface AskOptions {
  readonly method?: string;
  /** Also `host`: which virtual host is meant. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Certificates that are trusted, in PEM; with it the name asked for is `headers.host`. */
  readonly ca?: string;
}

/** One request on a connection of its own. Rejects when there is no answer, or none that can be trusted. */
export function ask(url: string, { method = "GET", headers = {}, ca }: AskOptions = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, method, headers, timeout: 30_000, ca, servername: headers["host"] };
    const request = url.startsWith("https:") ? tlsRequest : plainRequest;
    const sent = request(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(parts);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString() });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`no answer from ${url} within 30 s`)));
    sent.on("error", reject);
    sent.end();
  });
}
