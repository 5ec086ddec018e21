import { createConnection, type Socket } from "node:net";
import { DialFailure } from "./dial-failure.ts";
import { HostError } from "./errors.ts";

/** Opens a TCP connection without Nagle's delay, which costs 40 ms a round trip; another attempt may succeed. */
export function connectSocket(
  label: string,
  to: { readonly host: string; readonly port: number },
  within: number,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: to.host, port: to.port, noDelay: true });
    const timer = setTimeout(() => failed("unreachable", `no answer within ${Math.round(within / 1000)} s`), within);
    const failed = (kind: "unreachable", what: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new DialFailure(new HostError(kind, label, what), true));
    };
    socket.once("error", (error) => failed("unreachable", `cannot connect: ${error.message}`));
    socket.once("connect", () => {
      clearTimeout(timer);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}
