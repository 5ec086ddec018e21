import type { AddressInfo } from "node:net";
import { createServer, connect as dial, type Socket } from "node:net";

/** A way to a host that breaks once, at a chosen byte. */
export interface CuttingProxy {
  readonly port: number;
  /** The bytes that the first connection has carried. */
  readonly carried: { up: number; down: number };
  readonly connections: () => number;
  close(): void;
}

/** Where the first connection is cut; those after it are left alone. */
export interface Cut {
  readonly direction: "up" | "down";
  readonly afterBytes: number;
}

/** Listens on loopback and passes on to an sshd, cutting the first connection after so many bytes. */
export async function openCuttingProxy(address: string, cut: Cut): Promise<CuttingProxy> {
  const carried = { up: 0, down: 0 };
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (near) => {
    const first = ++connections === 1;
    const far = dial({ host: address, port: 22, noDelay: true });
    const end = () => {
      near.destroy();
      far.destroy();
    };
    const pass = (from: Socket, to: Socket, direction: "up" | "down") => {
      sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        if (!first) return void to.write(chunk);
        const left = cut.direction === direction ? cut.afterBytes - carried[direction] : Number.POSITIVE_INFINITY;
        carried[direction] += Math.min(left, chunk.length);
        if (left > chunk.length) return void to.write(chunk);
        to.end(chunk.subarray(0, left), end);
      });
      from.on("error", end);
      from.on("close", end);
    };
    pass(near, far, "up");
    pass(far, near, "down");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    carried,
    connections: () => connections,
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
