import type { Protocol, Turn } from "./protocol.ts";

/** Protocols of bytes; each request is the smallest that makes a server of its kind answer. */
export const binaryProtocols = {
  mysql: tcp("MySQL", {
    // Protocol::HandshakeV10, or an error packet for a host that may not connect: both are the server's own words.
    answer: (reply) => {
      if (reply.length < 5 || reply.length < 4 + reply.readUIntLE(0, 3)) return undefined;
      if (reply[4] === 0xff) return `error ${reply.readUInt16LE(5)}`;
      if (reply[4] !== 10) throw new Error(`no handshake of MySQL: ${reply.toString("hex", 0, 8)}`);
      return `handshake ${reply.toString("latin1", 5, reply.indexOf(0, 5))}`;
    },
  }),
  postgres: tcp(
    "PostgreSQL",
    // SSLRequest, then StartupMessage on the same connection (PostgreSQL's protocol 3.0).
    { send: bytes("00000008 04d2162f"), answer: (reply) => oneOf(reply.toString("latin1", 0, 1), "SN") },
  ),
  mqtt: tcp("MQTT", {
    send: bytes("10 12 0004 4d515454 04 02 003c 0006 62656e636831"),
    answer: (reply) => whole(reply, 4, () => expectByte(reply, 0, 0x20, `CONNACK ${reply[3]}`)),
  }),
  amqp: tcp("AMQP", {
    send: Buffer.from("AMQP\x00\x00\x09\x01", "latin1"),
    answer: (reply) => whole(reply, 12, () => expectByte(reply, 0, 1, "Connection.Start")),
  }),
  ldap: tcp("LDAP", {
    // SearchRequest for the root DSE (RFC 4511, 4.5.1): base "", scope baseObject, (objectClass=*).
    send: bytes("3025 020101 6320 0400 0a0100 0a0100 020100 020100 010100 870b 6f626a656374436c617373 3000"),
    answer: (reply) => whole(reply, 7, () => expectByte(reply, 0, 0x30, `message with tag ${reply[5]?.toString(16)}`)),
  }),
  socks: tcp("SOCKS5", {
    send: bytes("05 01 00"),
    answer: (reply) => whole(reply, 2, () => expectByte(reply, 0, 5, `method ${reply[1]}`)),
  }),
  fastcgi: tcp("FastCGI", {
    send: Buffer.concat([
      record(1, bytes("0001 00 0000000000")),
      record(4, parameters({ REQUEST_METHOD: "GET", SCRIPT_FILENAME: "/nowhere.php", SCRIPT_NAME: "/nowhere.php" })),
      record(4, Buffer.alloc(0)),
      record(5, Buffer.alloc(0)),
    ]),
    answer: (reply) => /Status: \d+[^\r\n]*/.exec(reply.toString("latin1"))?.[0],
  }),
  rdp: tcp("RDP", {
    // X.224 Connection Request (MS-RDPBCGR 2.2.1.1).
    send: bytes("0300 0013 0e e0 0000 0000 00 01 00 0800 00000000"),
    answer: (reply) => whole(reply, 7, () => expectByte(reply, 5, 0xd0, "connection confirm")),
  }),
  snmp: udp("SNMP", {
    // GetRequest of sysDescr.0, version 1, community "public".
    send: bytes("3026 020100 0406 7075626c6963 a019 020101 020100 020100 300e 300c 0608 2b06010201010100 0500"),
    answer: (reply) => expectByte(reply, 0, 0x30, "response"),
  }),
  ntp: udp("NTP", {
    send: Buffer.concat([bytes("23"), Buffer.alloc(47)]),
    answer: (reply) => {
      if (reply.length < 48 || (reply[0]! & 7) !== 4) throw new Error("no answer of an NTP server");
      return `stratum ${reply[1]}`;
    },
  }),
  radius: udp("RADIUS", {
    // Status-Server has to be signed; an Access-Request with a wrong password is refused after the secret was checked.
    send: bytes("0101 0014 00112233445566778899aabbccddeeff"),
    answer: (reply) => `code ${reply[0]}`,
  }),
  tftp: udp("TFTP", {
    send: Buffer.from("\x00\x01nowhere\x00octet\x00", "latin1"),
    answer: (reply) => expectByte(reply, 1, 5, `error ${reply[3]}`),
  }),
  binkp: tcp("binkp", {
    // Either side begins with a command frame (FTS-1026): its length with the highest bit set, then the command.
    answer: (reply) =>
      whole(reply, 3, () =>
        expectByte(reply, 2, 0, `M_NUL ${reply.toString("latin1", 3, 2 + (reply.readUInt16BE(0) & 0x7fff))}`),
      ),
  }),
  parsec: tcp("Parsec", {
    // Ping, to the core provider, unauthenticated; 30 bytes of header after the first six.
    send: bytes("10a7c05e 1e00 01 00 0000 00 0000000000000000 00 00 00 00000000 0000 01000000 0000 0000"),
    answer: (reply) => whole(reply, 36, () => expectByte(reply, 0, 0x10, `ping: status ${reply.readUInt16LE(32)}`)),
  }),
  stun: udp("STUN", {
    send: bytes("0001 0000 2112a442 000102030405060708090a0b"),
    answer: (reply) => expectByte(reply, 1, 1, "binding success"),
  }),
} satisfies Readonly<Record<string, Protocol>>;

function tcp(name: string, ...turns: readonly Turn[]): Protocol {
  return { name, transport: "tcp", turns };
}

function udp(name: string, ...turns: readonly Turn[]): Protocol {
  return { name, transport: "udp", turns };
}

function bytes(hex: string): Buffer {
  return Buffer.from(hex.replaceAll(" ", ""), "hex");
}

function whole(reply: Buffer, length: number, answer: () => string): string | undefined {
  return reply.length < length ? undefined : answer();
}

function expectByte(reply: Buffer, at: number, value: number, words: string): string {
  if (reply[at] === value) return words;
  throw new Error(`an answer of another protocol: ${reply.toString("hex", 0, 16)}`);
}

function oneOf(letter: string, letters: string): string | undefined {
  if (letter === "") return undefined;
  if (letters.includes(letter)) return `answer ${letter}`;
  throw new Error(`an answer of another protocol: ${letter}`);
}

/** A record of FastCGI 1 for request 1. */
function record(type: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([1, type, 0, 1, content.length >> 8, content.length & 255, 0, 0]), content]);
}

function parameters(pairs: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(pairs).map(([name, value]) =>
    Buffer.concat([Buffer.from([name.length, value.length]), Buffer.from(name + value)]),
  );
  return Buffer.concat(parts);
}
