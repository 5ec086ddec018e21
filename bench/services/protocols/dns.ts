import type { Protocol } from "./protocol.ts";

/** A question for `localhost. A`: any answer with its id and the response bit is one, refusals too. */
export const dnsProtocols = {
  dns: { name: "DNS (udp)", transport: "udp", turns: [{ send: query(), answer: (reply) => outcome(reply) }] },
  "dns-tcp": {
    name: "DNS (tcp)",
    transport: "tcp",
    turns: [
      {
        send: withLength(query()),
        answer: (reply) =>
          reply.length < 2 || reply.length < 2 + reply.readUInt16BE(0) ? undefined : outcome(reply.subarray(2)),
      },
    ],
  },
} satisfies Readonly<Record<string, Protocol>>;

const ID = 0x4a4a;
const RCODES = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];

function query(): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt16BE(0x4a4a, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  return Buffer.concat([header, Buffer.from("\x09localhost\x00\x00\x01\x00\x01", "latin1")]);
}

function withLength(message: Buffer): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]);
}

function outcome(message: Buffer): string {
  if (message.length < 12 || message.readUInt16BE(0) !== ID || (message[2]! & 0x80) === 0)
    throw new Error("no answer of a name server");
  return RCODES[message[3]! & 15] ?? `code ${message[3]! & 15}`;
}
