import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestHost } from "../../dev/hosts/index.ts";
import type { Protocol, Turn } from "./protocols/protocol.ts";

/** Where a service is reached from this machine, which is another one to the host; a unix socket through the host. */
export type Place =
  | { readonly address: string; readonly hostPort: number }
  | { readonly host: TestHost; readonly socketPath: string };

/** Holds the conversation, again until it succeeds or the time is over; gives the last turn's answer. */
export async function converse(protocol: Protocol, place: Place, deadlineMs: number): Promise<string> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      if ("socketPath" in place) return await throughHost(protocol, place.host, place.socketPath);
      return await (protocol.transport === "udp" ? overUdp : overTcp)(protocol, place.address, place.hostPort);
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(500);
    }
  }
}

const TURN_MS = 15_000;

async function overTcp(protocol: Protocol, address: string, port: number): Promise<string> {
  const socket = connect({ host: address, port });
  const received: Buffer[] = [];
  let wake = (): void => {};
  let ended: Error | undefined;
  const end = (why: Error): void => {
    ended ??= why;
    wake();
  };
  socket.on("data", (chunk) => {
    received.push(chunk);
    wake();
  });
  socket.on("error", end);
  socket.on("close", () => end(new Error("the connection was closed")));
  const timer = setTimeout(() => end(new Error(`no answer within ${TURN_MS / 1000} s`)), TURN_MS);
  try {
    let answer = "";
    for (const turn of protocol.turns) {
      received.length = 0;
      if (turn.send !== undefined) socket.write(turn.send);
      for (;;) {
        const found = turn.answer(Buffer.concat(received));
        if (found !== undefined) {
          answer = found;
          break;
        }
        if (ended !== undefined) throw ended;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
    return answer;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

async function overUdp(protocol: Protocol, address: string, port: number): Promise<string> {
  let answer = "";
  for (const turn of protocol.turns) answer = await datagram(turn, address, port);
  return answer;
}

function datagram(turn: Turn, address: string, port: number): Promise<string> {
  const socket = createSocket("udp4");
  const answered = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("no datagram came back within 3 s")), 3000);
    socket.once("message", (message) => {
      clearTimeout(timer);
      try {
        resolve(turn.answer(message) ?? "");
      } catch (error) {
        reject(error);
      }
    });
    socket.once("error", reject);
    socket.send(turn.send ?? Buffer.alloc(0), port, address);
  });
  return answered.finally(() => socket.close());
}

/** The relay is the host's own perl: a unix socket has no way out of its host. One turn only. */
async function throughHost(protocol: Protocol, host: TestHost, socketPath: string): Promise<string> {
  const [turn] = protocol.turns;
  if (turn === undefined) throw new Error(`${protocol.name} has no turn`);
  const relay = `use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die "connect: $!\\n"; binmode STDIN; local $/; my $ask = <STDIN>;
    syswrite $s, $ask; my ($all, $in) = (""); my $bits = ""; vec($bits, fileno $s, 1) = 1;
    while (length $all < 65536 && select($in = $bits, undef, undef, 2)) { sysread $s, my $part, 65536 or last; $all .= $part } print unpack "H*", $all`;
  const { stdout } = await host.exec(["perl", "-e", relay, socketPath], { input: turn.send ?? "" });
  const answer = turn.answer(Buffer.from(stdout, "hex"));
  if (answer === undefined) throw new Error("no whole answer came back");
  return answer;
}
