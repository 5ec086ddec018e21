import { createSocket } from "node:dgram";

/** Ports that asked before: to the kernel a second packet from one is the same connection, for half a minute and more. */
const used = new Set<number>();

/** Answers to so many packets, each from a port of its own, counted by text; "silence" where none came. */
export async function askByUdp(
  address: string,
  port: number,
  count: number,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (let done = 0; done < count; done += 50) {
    const some = Array.from({ length: Math.min(50, count - done) }, () => askOnce(address, port));
    for (const answer of await Promise.all(some)) counts[answer] = (counts[answer] ?? 0) + 1;
  }
  return counts;
}

function askOnce(address: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = createSocket("udp4");
    const end = (answer: string) => {
      clearTimeout(timer);
      socket.close();
      resolve(answer);
    };
    const timer = setTimeout(() => end("silence"), 3000);
    socket.on("message", (bytes) => end(bytes.toString()));
    socket.on("error", (error) => end(error.message));
    socket.connect(port, address, () => {
      const from = socket.address().port;
      if (!used.has(from)) {
        used.add(from);
        socket.send("?");
        return;
      }
      clearTimeout(timer);
      socket.close();
      resolve(askOnce(address, port));
    });
  });
}
