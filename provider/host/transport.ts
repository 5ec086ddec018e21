/** A way to run the constant remote command on a host; over SSH outside of tests. */
export interface Transport {
  readonly label: string;
  /** Whether commands go through `sudo -n`, for messages. */
  readonly sudo: boolean;
  /**
   * Starts the remote command on the host's one connection, dialling when there is none. Throws a `HostError`.
   * `withinMs` bounds the dialling, for a caller that asks again what became of an operation.
   */
  open(onOutput: (chunk: Buffer) => void, withinMs?: number): Promise<Channel>;
}

/** A running remote command. */
export interface Channel {
  write(bytes: Buffer): void;
  /** Ends the command's stdin. */
  end(): void;
  /** Gives the command up without waiting for it. */
  abandon(): void;
  /** Settles when the command has ended or the connection is gone; never rejects. */
  readonly closed: Promise<Closed>;
}

/** How a command ended. No exit code and no signal: the connection was cut, and the command may still run. */
export interface Closed {
  readonly exitCode?: number;
  readonly signal?: string;
  /** The last 64 KB. */
  readonly stderr: string;
}
