/** One turn of a conversation: what is sent (nothing when the server speaks first), and what the reply means. */
export interface Turn {
  readonly send?: Buffer;
  /** What a whole reply says, in a few words; undefined while more must come. Throws when it is not the protocol. */
  readonly answer: (reply: Buffer) => string | undefined;
}

/** What proves that a server speaks its protocol; over udp a turn is a datagram each way. */
export interface Protocol {
  /** As a reader knows it: `SMTP`. */
  readonly name: string;
  readonly transport: "tcp" | "udp";
  readonly turns: readonly Turn[];
}
