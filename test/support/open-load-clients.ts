import { randomUUID } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Client, OpenLoadOptions, Outcome } from "./open-load.ts";

/** Ends when all that belongs to one arrival has. */
export type Exchange = Promise<void>;
type Told = (outcome: Outcome) => void;
type Clients = Readonly<Record<Client, (number: number, told: Told) => Exchange>> & {
  /** Of a websocket, each of which is a request. */
  readonly messages: number;
  close(): void;
};

/** Longer than the proxy's own time-outs with all retries: a slow answer is an answer. */
const ANSWER_MS = 60_000;
/** A kept connection that was idle for so long is not used again, as the proxy may be closing it (RFC 9112, 9.3.1). */
const IDLE_MS = 5_000;
const MESSAGES = 5;
const BETWEEN_MESSAGES_MS = 200;

/** One of each kind; connections that are kept are used in turn, so that none is idle for long. */
export function openClients({ url, eventsUrl }: OpenLoadOptions): Clients {
  const idle: { readonly socket: Socket; readonly since: number }[] = [];
  const run = randomUUID().slice(0, 8);
  return {
    messages: MESSAGES,
    "keep-alive": async (_, told) => {
      let kept = idle.shift();
      while (kept && (kept.socket.destroyed || Date.now() - kept.since > IDLE_MS)) {
        kept.socket.destroy();
        kept = idle.shift();
      }
      const { error, socket } = await ask(new URL(url), "GET", true, kept?.socket);
      if (socket) idle.push({ socket, since: Date.now() });
      told({ client: "keep-alive", ...(error !== undefined && { error }) });
    },
    "new connection": async (_, told) => {
      const { error } = await ask(new URL(url), "GET", false);
      told({ client: "new connection", ...(error !== undefined && { error }) });
    },
    POST: async (number, told) => {
      const id = `${run}-${number}`;
      const { error } = await ask(new URL(`/${id}`, eventsUrl), "POST", false);
      told({ client: "POST", id, ...(error !== undefined && { error }) });
    },
    websocket: (_, told) => converse(eventsUrl, told),
    close: () => {
      for (const { socket } of idle) socket.destroy();
    },
  };
}

/** By a socket of its own: node:http costs the machine several times as much as the servers. */
function ask(
  url: URL,
  method: "GET" | "POST",
  keeps: boolean,
  kept?: Socket,
): Promise<{ readonly error?: string; readonly socket?: Socket }> {
  const socket = kept ?? connect({ host: url.hostname, port: Number(url.port || 80), noDelay: true });
  return new Promise((resolve) => {
    let text = "";
    const settle = (error: string | undefined, isKept: boolean) => {
      socket.removeAllListeners();
      socket.setTimeout(0);
      if (isKept) socket.on("error", () => socket.destroy()).on("end", () => socket.destroy());
      else socket.on("error", () => {}).destroy();
      resolve({ ...(error !== undefined && { error }), ...(isKept && { socket }) });
    };
    const on = `on a ${kept ? "kept" : "new"} connection`;
    socket.setTimeout(ANSWER_MS, () => settle(`timeout ${on}`, false));
    socket.on("error", (error: NodeJS.ErrnoException) => settle(`${error.code ?? error.message} ${on}`, false));
    socket.on("close", () => settle(`${text === "" ? "closed without an answer" : "cut short"} ${on}`, false));
    socket.on("data", (part: Buffer) => {
      text += part.toString("latin1");
      const status = statusOfWhole(text);
      if (status === undefined) return;
      settle(status === "200" ? undefined : `status ${status}`, keeps && !/^connection: close\r$/im.test(text));
    });
    const length = method === "POST" ? "Content-Length: 2\r\n" : "";
    const body = method === "POST" ? "{}" : "";
    socket.write(
      `${method} ${url.pathname} HTTP/1.1\r\nHost: ${url.host}\r\n${length}Connection: ${keeps ? "keep-alive" : "close"}\r\n\r\n${body}`,
    );
  });
}

/** The status of an answer of which all is there; the servers under test tell every length. */
function statusOfWhole(text: string): string | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const status = /^HTTP\/1\.[01] (\d+)/.exec(text)?.[1] ?? "unknown";
  const length = /^content-length: (\d+)\r$/im.exec(text.slice(0, end + 2))?.[1];
  if (length === undefined) return `${status} without a length`;
  return text.length - end - 4 < Number(length) ? undefined : status;
}

/** Messages one after the other, each by the clock; those that could not be said any more are failed too. */
function converse(url: string, told: Told): Exchange {
  return new Promise((resolve) => {
    const socket = new WebSocket(url.replace(/^http/, "ws"));
    let answered = 0;
    let by: string | undefined;
    const end = (error?: string) => {
      clearTimeout(late);
      clearInterval(clock);
      socket.onclose = null;
      socket.onerror = null;
      for (; answered < MESSAGES; answered += 1)
        told({ client: "websocket", error: error ?? "cut", ...(by !== undefined && { by }) });
      socket.close();
      resolve();
    };
    const late = setTimeout(() => end("timeout"), ANSWER_MS);
    let said = 0;
    let clock: NodeJS.Timeout | undefined;
    // One timer: Node runs late ones of different lengths in another order than they are due.
    const say = () => {
      if (socket.readyState === WebSocket.OPEN && said < MESSAGES) socket.send(`m${said++}`);
    };
    socket.onopen = () => {
      clock = setInterval(say, BETWEEN_MESSAGES_MS);
      say();
    };
    socket.onmessage = ({ data }) => {
      const [name = "", heard] = String(data).split(" ");
      if (heard !== `m${answered}`) return end(`an odd answer: ${String(data).slice(0, 40)}`);
      by = name;
      answered += 1;
      told({ client: "websocket" });
      if (answered === MESSAGES) end();
    };
    socket.onerror = () => end(by === undefined ? "no handshake" : "an error");
    socket.onclose = ({ code }) => end(`closed by code ${code}`);
  });
}
