import { type AddressInfo, createServer, connect as dial, type Socket } from "node:net";

/** A link as bad as it gets. */
export interface SlowLink {
  readonly latencyMs: number;
  readonly bytesPerSecond: number;
}

/** Listens on loopback and passes on to an sshd (or what else listens on `port`), slowly in both directions. */
export async function openSlowProxy(
  address: string,
  link: SlowLink,
  port = 22,
): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = dial({ host: address, port, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      let free = 0;
      from.on("data", (chunk: Buffer) => {
        // A byte leaves when the line is free, takes its share of it, and arrives after the latency.
        free = Math.max(free, Date.now()) + (chunk.length / link.bytesPerSecond) * 1000;
        const wait = free - Date.now();
        from.pause();
        setTimeout(() => from.resume(), wait);
        setTimeout(() => to.write(chunk), wait + link.latencyMs);
      });
      from.on("error", () => to.destroy());
      from.on("close", () => setTimeout(() => to.destroy(), link.latencyMs));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
