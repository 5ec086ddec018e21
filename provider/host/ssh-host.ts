// The one file that imports ssh2; above 250 lines because a connection's states (dial, handshake, login, channels, end)
// only make sense together.
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import type { Connection } from "./connection.ts";
import { chooseCredential } from "./credential.ts";
import { DialFailure, describeFailure, lostInDialling } from "./dial-failure.ts";
import { connectSocket } from "./dial-socket.ts";
import { HostError } from "./errors.ts";
import { algorithmsFor, isPinned, type PinnedKey, parseHostKeys } from "./host-key.ts";
import { remoteCommand } from "./request.ts";
import type { Channel, Closed, Transport } from "./transport.ts";

/** sshd's MaxSessions is 10 by default; the rest is left to others on the same connection. */
const maxChannels = 8;
const keepaliveMs = 5_000;
const silentMs = 3 * keepaliveMs + 1_000;
const idleMs = 600_000;
const pieceBytes = 32 * 1024;
const loginMs = 30_000;
const channelOpenMs = 60_000;
const stderrTail = 64 * 1024;
const longestPauseMs = 3_000;

/** One SSH connection to one host, shared by all that runs there; dialled when first needed and again after a cut. */
export class SshTransport implements Transport {
  readonly label: string;
  readonly sudo: boolean;
  readonly #connection: Connection;
  readonly #jump: SshTransport | undefined;
  #live: Promise<Live> | undefined;
  #refused: HostError | undefined;
  #channels = 0;
  #holders = 0;
  #limit = maxChannels;
  readonly #queue: (() => void)[] = [];
  #idle: NodeJS.Timeout | undefined;

  constructor(connection: Connection, jump: SshTransport | undefined) {
    this.label = `${connection.name ?? connection.host} (${connection.user}@${connection.host}:${connection.port})`;
    this.sudo = connection.sudo;
    this.#connection = connection;
    this.#jump = jump;
  }

  async open(onOutput: (chunk: Buffer) => void, withinMs?: number): Promise<Channel> {
    await this.#takeSlot();
    try {
      for (let tries = 0; ; tries++) {
        const live = await this.#connect(withinMs);
        const opened = await startCommand(live.client, `${this.sudo ? "sudo -n " : ""}${remoteCommand}`);
        if (opened.channel !== undefined) return this.#adopt(live.client, opened, onOutput);
        if (opened.refusal === "cut") {
          live.end();
          if (tries >= 1) throw new HostError("unreachable", this.label, `lost the connection: ${opened.reason}`);
          continue;
        }
        // sshd has fewer sessions to give than its default: make do with those that are open.
        if (tries >= 20) throw new HostError("unreachable", this.label, `cannot open a session: ${opened.reason}`);
        this.#limit = Math.max(1, Math.min(this.#limit, this.#channels - 1));
        await pause(jitter(Math.min(longestPauseMs, 50 * 2 ** tries)));
      }
    } catch (error) {
      this.#freeSlot();
      throw error;
    }
  }

  /** A stream to an address as this host reaches it, for the hop behind it. */
  async forward(host: string, port: number, withinMs?: number): Promise<Duplex> {
    const live = await this.#connect(withinMs);
    return new Promise((resolve, reject) => {
      const failed = (error: Error) => {
        const told = new HostError(
          "unreachable",
          this.label,
          `cannot reach ${host}:${port} from here: ${error.message}`,
        );
        reject(new DialFailure(told, true));
      };
      try {
        live.client.forwardOut("127.0.0.1", 0, host, port, (error, stream) =>
          error ? failed(error) : resolve(stream),
        );
      } catch (error) {
        failed(toError(error));
      }
    });
  }

  /** Ends the connection; the next command dials anew. */
  close(): void {
    const live = this.#live;
    this.#live = undefined;
    live?.then((connected) => connected.end()).catch(() => {});
  }

  /** Keeps the process alive while something is under way here or behind this hop, and only then. */
  retain(): void {
    clearTimeout(this.#idle);
    if (this.#holders++ === 0) this.#live?.then((live) => live.ref()).catch(() => {});
    this.#jump?.retain();
  }

  /** Undoes one `retain`. */
  release(): void {
    this.#jump?.release();
    if (--this.#holders > 0) return;
    this.#live?.then((live) => live.unref()).catch(() => {});
    this.#idle = setTimeout(() => this.close(), idleMs).unref();
  }

  async #takeSlot(): Promise<void> {
    while (this.#channels >= this.#limit) await new Promise<void>((resolve) => this.#queue.push(resolve));
    if (this.#channels++ === 0) this.retain();
  }

  #freeSlot(): void {
    if (--this.#channels === 0) this.release();
    this.#queue.shift()?.();
  }

  #connect(withinMs?: number): Promise<Live> {
    if (this.#refused !== undefined) return Promise.reject(this.#refused);
    if (this.#live === undefined) {
      const live = this.#dial(withinMs);
      this.#live = live;
      const forget = () => {
        if (this.#live === live) this.#live = undefined;
      };
      live.then((connected) => connected.client.once("close", forget), forget);
    }
    return this.#live;
  }

  async #dial(withinMs?: number): Promise<Live> {
    const until = withinMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + withinMs;
    for (let tries = 1; ; tries++) {
      try {
        return await dialOnce(this.label, this.#connection, this.#jump, until);
      } catch (error) {
        const failure = error instanceof DialFailure ? error : undefined;
        const told = failure?.told ?? error;
        if (told instanceof HostError && told.kind === "authentication") this.#refused = told;
        const wait = jitter(Math.min(longestPauseMs, 100 * 2 ** tries));
        if (!failure?.again || tries >= this.#connection.dialErrorLimit || Date.now() + wait > until) throw told;
        await pause(wait);
      }
    }
  }

  #adopt(client: Client, { channel, ended }: Started, onOutput: (chunk: Buffer) => void): Channel {
    let tail = Buffer.alloc(0);
    channel.on("data", onOutput);
    // Also to keep it flowing: `close` never fires while something is left unread.
    channel.stderr.on("data", (chunk: Buffer) => {
      tail = Buffer.concat([tail, chunk]).subarray(-stderrTail);
    });
    channel.on("error", () => {});
    const closed = ended.then((how) => {
      this.#freeSlot();
      return { ...how, stderr: tail.toString("utf8") };
    });
    return {
      write: (bytes) => sendInPieces(client, channel, bytes),
      end: () => void channel.end(),
      abandon: () => channel.close(),
      closed,
    };
  }
}

/** A connection that is logged in. */
interface Live {
  readonly client: Client;
  ref(): void;
  unref(): void;
  end(): void;
}

async function dialOnce(
  label: string,
  connection: Connection,
  jump: SshTransport | undefined,
  until: number,
): Promise<Live> {
  const within = Math.max(1_000, Math.min(connection.perDialTimeout * 1000, until - Date.now()));
  const pins = readPins(label, connection);
  const login = readCredential(label, connection);
  const stream = jump
    ? await jump.forward(connection.host, connection.port, until === Number.POSITIVE_INFINITY ? undefined : within)
    : await connectSocket(label, connection, within);
  const client = new Client();
  let shown: Buffer | undefined;
  let secured = false;
  client.once("handshake", () => {
    secured = true;
  });
  await new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.on("error", (error) => reject(describeFailure(label, error, { pins, shown, secured, from: login.from })));
    client.once("close", () =>
      reject(describeFailure(label, lostInDialling(), { pins, shown, secured, from: login.from })),
    );
    try {
      client.connect({
        ...login.config,
        username: connection.user,
        sock: stream as never,
        // From the open socket to the login: six round trips, which take their time on a slow link.
        readyTimeout: until === Number.POSITIVE_INFINITY ? Math.max(within, loginMs) : within,
        // ssh2's own keepalive would hold the process and knows of no other sign of life: see keepAlive.
        keepaliveInterval: 0,
        algorithms: {
          serverHostKey: algorithmsFor(pins) as never,
          kex: strongKex as never,
          hmac: strongHmac as never,
        },
        hostVerifier: (key: Buffer) => {
          shown = key;
          return isPinned(pins, key);
        },
      });
    } catch (error) {
      reject(
        new HostError(
          "authentication",
          label,
          `cannot use the credential from ${login.from}: ${toError(error).message}`,
        ),
      );
    }
  }).catch((error: unknown) => {
    stream.destroy();
    throw error;
  });
  const stop = keepAlive(client, stream);
  client.once("close", stop);
  const socket = jump === undefined ? (stream as Socket) : undefined;
  return {
    client,
    ref: () => void socket?.ref(),
    unref: () => void socket?.unref(),
    end: () => {
      stop();
      client.end();
      stream.destroy();
    },
  };
}

const strongKex = [
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group-exchange-sha256",
  "diffie-hellman-group14-sha256",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group18-sha512",
];
const strongHmac = ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"];

function readPins(label: string, connection: Connection): readonly PinnedKey[] {
  let pins: readonly PinnedKey[] = [];
  try {
    pins = parseHostKeys(connection.hostKey);
  } catch (error) {
    throw new HostError("host-key", label, toError(error).message);
  }
  if (pins.length === 0) throw new HostError("host-key", label, "has no host key; set hostKey or knownHosts");
  return pins;
}

/** The one way to log in, as ssh2 wants it: `authHandler` names it, or ssh2 would try "none" and others too. */
function readCredential(
  label: string,
  connection: Connection,
): { readonly config: ConnectConfig; readonly from: string } {
  let credential: ReturnType<typeof chooseCredential>;
  try {
    credential = chooseCredential(connection, process.env);
  } catch (error) {
    throw new HostError("authentication", label, `cannot read the private key: ${toError(error).message}`);
  }
  const advice = "set PULUMI_JAIL_PRIVATE_KEY, privateKey, password, or start an agent";
  if (credential === undefined) throw new HostError("authentication", label, `there is no credential: ${advice}`);
  const { from } = credential;
  switch (credential.type) {
    case "privateKey":
      return {
        from,
        config: {
          privateKey: credential.privateKey,
          ...(credential.passphrase === undefined ? {} : { passphrase: credential.passphrase }),
          authHandler: ["publickey"],
        },
      };
    case "password":
      return { from, config: { password: credential.password, authHandler: ["password"] } };
    case "agent":
      return { from, config: { agent: credential.socketPath, agentForward: false, authHandler: ["agent"] } };
  }
}

/**
 * Asks a silent server for a sign of life and gives the connection up after three asked in vain: a half-open connection
 * hangs for ever otherwise. Any byte from the server is a sign, so that a slow link that works is not given up; the
 * timer does not hold the process.
 */
function keepAlive(client: Client, stream: Duplex): () => void {
  let heard = Date.now();
  stream.on("data", () => {
    heard = Date.now();
  });
  const timer = setInterval(() => {
    const silent = Date.now() - heard;
    if (silent > silentMs) {
      clearInterval(timer);
      stream.destroy();
    } else if (silent >= keepaliveMs) {
      ping(client);
    }
  }, keepaliveMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** ssh2 has no public call for it; its version is pinned. */
function ping(client: Client): void {
  (client as unknown as { _protocol: { ping(): void } })._protocol.ping();
}

/**
 * A server says nothing while it takes in data, and on a slow link a kernel holds minutes of it: a ping after each piece
 * is answered when the server has come so far, so that an upload which moves is never taken for a dead link.
 */
function sendInPieces(client: Client, channel: ClientChannel, bytes: Buffer): void {
  if (!channel.writable) return;
  channel.write(bytes.subarray(0, pieceBytes), () => {
    if (bytes.length <= pieceBytes) return;
    ping(client);
    sendInPieces(client, channel, bytes.subarray(pieceBytes));
  });
}

interface Started {
  readonly channel: ClientChannel;
  readonly ended: Promise<Pick<Closed, "exitCode" | "signal">>;
  readonly refusal?: undefined;
  readonly reason?: undefined;
}

type Opened = Started | { readonly channel?: undefined; readonly refusal: "cut" | "full"; readonly reason: string };

/**
 * Listens from the very callback on: a command that ends at once has its answer, its exit code and its end in one
 * packet, and ssh2 emits them before anything that awaits the channel can run.
 */
function started(channel: ClientChannel): Started {
  let how: Pick<Closed, "exitCode" | "signal"> = {};
  channel.on("exit", (code: number | null, signal?: string) => {
    how = { ...(code === null ? {} : { exitCode: code }), ...(signal ? { signal } : {}) };
  });
  return { channel, ended: new Promise((resolve) => channel.once("close", () => resolve(how))) };
}

function startCommand(client: Client, command: string): Promise<Opened> {
  return new Promise((resolve) => {
    const timer = setTimeout(
      () => resolve({ refusal: "cut", reason: "no answer to opening a session" }),
      channelOpenMs,
    );
    try {
      client.exec(command, (error, channel) => {
        clearTimeout(timer);
        if (error === undefined) return resolve(started(channel));
        // Only sshd's answer to opening a channel has a reason (RFC 4254, 5.1).
        const full = typeof (error as { reason?: unknown }).reason === "number";
        resolve({ refusal: full ? "full" : "cut", reason: error.message });
      });
    } catch (error) {
      clearTimeout(timer);
      resolve({ refusal: "cut", reason: toError(error).message });
    }
  });
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function jitter(ms: number): number {
  return ms * (0.5 + Math.random());
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
