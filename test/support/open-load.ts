import { type Exchange, openClients } from "./open-load-clients.ts";

/** Ways to ask: each has its own count and its own positive control. */
export const CLIENTS = ["keep-alive", "new connection", "POST", "websocket"] as const;
export type Client = (typeof CLIENTS)[number];

/** What one request came to: an answer, or why none. */
export interface Outcome {
  readonly client: Client;
  /** Of a POST. */
  readonly id?: string;
  /** Absent: answered. */
  readonly error?: string;
  /** Who answered a websocket's earlier messages. */
  readonly by?: string;
}

export interface OpenCount {
  readonly requests: Readonly<Record<Client, number>>;
  /** Requests of all clients. */
  readonly total: number;
  readonly failures: readonly Outcome[];
}

/** Requests that come by the clock, whether earlier ones were answered or not. */
export interface OpenLoad {
  /** Ended so far. */
  total(): number;
  failed(client: Client): number;
  /** Resolves when so many have ended: a number, not a time, as a busy machine answers later. */
  reach(requests: number): Promise<void>;
  /** What has ended since the last call, after every request that was under way has. */
  settle(): Promise<OpenCount>;
  /** Ids of POSTs that were answered. */
  readonly acknowledged: ReadonlySet<string>;
  /** The longest that an arrival came later than its time, in milliseconds: of this process, not of what is asked. */
  lag(): number;
  stop(): Promise<void>;
}

export interface OpenLoadOptions {
  /** For GET. */
  readonly url: string;
  /** For POST and websockets. */
  readonly eventsUrl: string;
  /** Arrivals each second; a websocket's message counts as a request. */
  readonly rate: number;
  readonly mostSeconds: number;
}

/** Of 20 arrivals: so many are of each client. A websocket arrives once for MESSAGES. */
const SHARES: readonly (readonly [Client, number])[] = [
  ["keep-alive", 9],
  ["new connection", 6],
  ["POST", 3],
  ["websocket", 2],
];
const ROUND = SHARES.flatMap(([client, share]) => Array.from({ length: share }, () => client));
const TICK_MS = 5;

/** Starts at once. Nothing is ever tried again by the client: what fails is counted. */
export function startOpenLoad(options: OpenLoadOptions): OpenLoad {
  const clients = openClients(options);
  const acknowledged = new Set<string>();
  const underWay = new Set<Promise<void>>();
  let count = emptyCount();
  let total = 0;
  let arrived = 0;
  let lag = 0;
  const failed: Record<string, number> = {};
  const begun = Date.now();
  const until = begun + options.mostSeconds * 1000;
  const arrive = (client: Client, number: number): void => {
    const exchange: Exchange = clients[client](number, (outcome) => {
      total += 1;
      count.requests[client] += 1;
      if (outcome.error !== undefined) {
        count.failures.push(outcome);
        failed[client] = (failed[client] ?? 0) + 1;
      } else if (outcome.id !== undefined) acknowledged.add(outcome.id);
    });
    const ended: Promise<void> = exchange.then(() => void underWay.delete(ended));
    underWay.add(ended);
  };
  const timer = setInterval(() => {
    const now = Date.now();
    if (now > until) return;
    const due = Math.floor(((now - begun) / 1000) * options.rate);
    if (due > arrived) lag = Math.max(lag, now - begun - ((arrived + 1) / options.rate) * 1000);
    for (; arrived < due; arrived += 1) {
      // A coprime stride: the clients take turns instead of coming in blocks.
      const client = ROUND[(arrived * 7) % ROUND.length]!;
      if (client !== "websocket" || arrived % (ROUND.length * clients.messages) < ROUND.length) arrive(client, arrived);
    }
  }, TICK_MS);
  return {
    acknowledged,
    total: () => total,
    failed: (client) => failed[client] ?? 0,
    lag: () => Math.round(lag),
    reach: async (requests) => {
      while (total < requests && Date.now() < until) await pause(50);
      if (total < requests) throw new Error(`${total} requests within ${options.mostSeconds} s, not ${requests}`);
    },
    settle: async () => {
      await Promise.all(underWay);
      const ended = count;
      count = emptyCount();
      return { ...ended, total: Object.values(ended.requests).reduce((sum, one) => sum + one, 0) };
    },
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay);
      clients.close();
    },
  };
}

function emptyCount(): { readonly requests: Record<Client, number>; readonly failures: Outcome[] } {
  return { requests: { "keep-alive": 0, "new connection": 0, POST: 0, websocket: 0 }, failures: [] };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
