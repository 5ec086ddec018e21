import { HostError } from "./errors.ts";
import { createFrameReader, type Frame } from "./framing.ts";
import type { Closed, Transport } from "./transport.ts";

/** One run of the remote command. */
export interface Session {
  readonly nonce: string;
  readonly input: Buffer;
  /** Returns true at the frame which says that all has been said. */
  readonly onFrame: (frame: Frame) => boolean;
  readonly deadlineMs: number;
  /** Bounds the dialling. */
  readonly withinMs?: number;
  /** What runs, for the message of a timeout. */
  readonly doing: () => string;
}

/** Resolves with undefined at the final frame, and with how the command ended when there was none. */
export async function runSession(transport: Transport, session: Session): Promise<Closed | undefined> {
  const read = createFrameReader(session.nonce);
  let settle: (value: undefined) => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const final = new Promise<undefined>((resolve, reject) => {
    settle = resolve;
    fail = reject;
  });
  const channel = await transport.open((chunk) => {
    try {
      for (const frame of read(chunk)) if (session.onFrame(frame)) settle(undefined);
    } catch (error) {
      fail(error);
    }
  }, session.withinMs);
  const timer = setTimeout(() => {
    const seconds = Math.round(session.deadlineMs / 1000);
    fail(new HostError("timeout", transport.label, `no end of ${session.doing()} after ${seconds} s`));
  }, session.deadlineMs);
  try {
    channel.write(session.input);
    const ended = await Promise.race([final, channel.closed]);
    if (ended === undefined) {
      // The host drops its record of the operation once it knows that we know.
      channel.write(Buffer.from("ack"));
      channel.end();
    }
    return ended;
  } catch (error) {
    channel.abandon();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** A command that ended without saying what we wait for: the login shell, sudo or the system refused. */
export function refusedError(transport: Transport, closed: Closed): HostError {
  const how = closed.signal ? `signal ${closed.signal}` : `exit code ${closed.exitCode}`;
  const what = transport.sudo
    ? `cannot run commands as root: \`sudo -n\` ended with ${how} (it needs NOPASSWD for this user)`
    : `cannot run commands: the login shell ended with ${how}`;
  return new HostError("command", transport.label, what, {
    command: `${transport.sudo ? "sudo -n " : ""}/bin/sh`,
    stderr: closed.stderr,
  });
}
