import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { openForwarder } from "../../../bench/engine/forwarder.ts";

describe("the counting forwarder", () => {
  it("passes bytes on both ways, unchanged, and counts them and the connections", async () => {
    const echo = createServer((socket) => socket.on("data", (chunk) => socket.end(`${chunk}!`)));
    echo.listen(0, "127.0.0.1");
    await once(echo, "listening");
    const forwarder = await openForwarder("127.0.0.1", (echo.address() as { port: number }).port);
    for (const word of ["hello", "you"]) {
      const socket = connect(forwarder.port, "127.0.0.1").setEncoding("utf8");
      socket.write(word);
      const [answer] = await once(socket, "data");
      expect(answer).toBe(`${word}!`);
      socket.end();
      await once(socket, "close");
    }
    expect(forwarder.traffic()).toEqual({ connections: 2, sent: 8, received: 10 });
    await forwarder.close();
    echo.close();
  });
});
