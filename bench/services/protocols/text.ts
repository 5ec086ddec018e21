import type { Protocol, Turn } from "./protocol.ts";

/** Protocols of lines: what is sent as text, and the pattern whose match is the answer. */
export const textProtocols = {
  http: http("GET / HTTP/1.1"),
  smtp: text("SMTP", [undefined, /^220 .*\r\n/m], ["EHLO client.example.org\r\n", /^250 .*\r\n/m]),
  imap: text("IMAP", [undefined, /^\* OK .*\r\n/m], ["a CAPABILITY\r\n", /^a OK .*\r\n/m]),
  pop3: text("POP3", [undefined, /^\+OK.*\r\n/m], ["CAPA\r\n", /^\.\r\n/m]),
  ftp: text("FTP", [undefined, /^220[ -].*\r\n/m], ["USER anonymous\r\n", /^(331|230|530) .*\r\n/m]),
  ssh: text("SSH", [undefined, /^SSH-2\.0-.*\r\n/m]),
  redis: text("RESP", ["PING\r\n", /^(\+PONG|-DENIED|-NOAUTH).*\r\n/m]),
  memcached: text("memcached", ["version\r\n", /^VERSION .*\r\n/m]),
  beanstalk: text("beanstalk", ["stats\r\n", /^OK \d+\r\n/m]),
  zookeeper: text("ZooKeeper", ["srvr", /^(Zookeeper version|srvr is not executed).*/m]),
  nats: text("NATS", [undefined, /^INFO \{.*\}\s*\r\n/m], ["CONNECT {}\r\nPING\r\n", /^PONG\r\n/m]),
  irc: text("IRC", ["NICK bench\r\nUSER bench 0 * :bench\r\n", /^:\S+ 001 .*\r?\n/m]),
  xmpp: text("XMPP", [
    "<?xml version='1.0'?><stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>",
    /<stream:stream [^>]*>/,
  ]),
  rsync: text("rsync", [undefined, /^@RSYNCD: .*\n/m]),
  gearman: text("Gearman", ["version\n", /^OK .*\n/m]),
  dict: text("DICT", [undefined, /^220 .*\r\n/m], ["SHOW SERVER\r\n", /^(250|114) .*\r\n/m]),
  mpd: text("MPD", [undefined, /^OK MPD .*\n/m]),
  munin: text("Munin", [undefined, /^# munin node at .*\n/m]),
  spamd: text("SPAMC", ["PING SPAMC/1.5\r\n\r\n", /^SPAMD\/.* PONG\r\n/m]),
  postgrey: text("Postfix policy", ["request=smtpd_access_policy\nprotocol_state=RCPT\n\n", /^action=.*\n/m]),
  carbon: text("carbon", ["bench.metric 1 -1\n", /^/]),
} satisfies Readonly<Record<string, Protocol>>;

type Pair = readonly [send: string | undefined, answer: RegExp];

function text(name: string, ...pairs: readonly Pair[]): Protocol {
  return { name, transport: "tcp", turns: pairs.map(textTurn) };
}

function http(request: string): Protocol {
  return text("HTTP", [
    `${request}\r\nHost: localhost\r\nUser-Agent: bench\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
    /^HTTP\/1\.[01] \d{3}.*\r\n/,
  ]);
}

function textTurn([send, pattern]: Pair): Turn {
  return {
    ...(send === undefined ? {} : { send: Buffer.from(send) }),
    answer: (reply) => pattern.exec(reply.toString("latin1"))?.[0].trim(),
  };
}
