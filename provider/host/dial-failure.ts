import { HostError } from "./errors.ts";
import { fingerprintOf, isPinned, type PinnedKey } from "./host-key.ts";

/** Why an attempt to dial failed, and whether another may succeed. */
export class DialFailure extends Error {
  readonly told: HostError;
  readonly again: boolean;

  constructor(told: HostError, again: boolean) {
    super(told.message);
    this.told = told;
    this.again = again;
  }
}

/** How far a connection had come when it failed. */
export interface Handshake {
  readonly pins: readonly PinnedKey[];
  readonly shown: Buffer | undefined;
  readonly secured: boolean;
  readonly from: string;
}

/** ssh2 says what failed by `level` and by how far it had come; its texts are passed on and not decided on. */
export function describeFailure(label: string, error: Error & { level?: string }, at: Handshake): DialFailure {
  const told = (kind: "host-key" | "authentication" | "unreachable" | "timeout", what: string, again = false) =>
    new DialFailure(new HostError(kind, label, what), again);
  if (at.shown !== undefined && !isPinned(at.pins, at.shown)) {
    const pinned = at.pins.map((pin) => `${pin.type} ${fingerprintOf(pin.bytes)}`).join(", ");
    return told(
      "host-key",
      `shows the host key ${fingerprintOf(at.shown)}, but pinned is ${pinned}; nothing was sent to it`,
    );
  }
  if (error.level === "handshake") {
    const types = at.pins.map((pin) => pin.type).join(", ");
    return told("host-key", `cannot prove a pinned host key (${types}) with a strong algorithm: ${error.message}`);
  }
  // A login that is refused is always said so: a connection that is only gone was no failed login and may be tried again.
  if (error.level === "client-socket" || error.level === "protocol") return told("unreachable", error.message, true);
  if (error.level === "client-timeout") return told("timeout", `no login: ${error.message}`, !at.secured);
  if (at.secured) return told("authentication", `refused the login with ${at.from}: ${error.message}`);
  return told("unreachable", error.message, true);
}

/** An end without an error, which ssh2 does not tell as one. */
export function lostInDialling(): Error {
  return Object.assign(new Error("the connection was closed before the login"), { level: "client-socket" });
}
