import { connect, createServer, type Socket } from "node:net";

/** What went through since the forwarder began. */
export interface Traffic {
  readonly connections: number;
  /** Towards the host, in bytes of TCP payload: SSH's own framing, padding and key exchange are in it. */
  readonly sent: number;
  /** From the host. */
  readonly received: number;
}

/** A TCP port of this machine that leads to a host's sshd and counts. */
export interface Forwarder {
  readonly port: number;
  /** Counted so far. */
  traffic(): Traffic;
  close(): Promise<void>;
}

/** Counts from outside of the program that is measured: it knows nothing of it. Listens on 127.0.0.1 only. */
export async function openForwarder(address: string, port = 22): Promise<Forwarder> {
  const count = { connections: 0, sent: 0, received: 0 };
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    count.connections += 1;
    const far = connect({ host: address, port, noDelay: true });
    near.on("data", (chunk) => (count.sent += chunk.length));
    far.on("data", (chunk) => (count.received += chunk.length));
    near.pipe(far);
    far.pipe(near);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      // A reset (the provider is killed at the end of a run) ends both sides.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroySoon();
      });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw new Error("the forwarder has no port");
  return {
    port: bound.port,
    traffic: () => ({ ...count }),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
