import { createHash, timingSafeEqual } from "node:crypto";

/** A pinned host key. */
export interface PinnedKey {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Reads lines `ssh-ed25519 AAAA.. [comment]`; throws on a line that is none, as a pin that is not understood is no pin. */
export function parseHostKeys(text: string): readonly PinnedKey[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("#")).map(parseLine);
}

/** Whether the key that the host shows is one of those pinned, byte by byte. */
export function isPinned(pins: readonly PinnedKey[], shown: Buffer): boolean {
  return pins.some((pin) => pin.bytes.length === shown.length && timingSafeEqual(pin.bytes, shown));
}

/**
 * The signature algorithms to offer: of the pinned types only, so that an impostor can't choose another; never with
 * SHA-1, as `ssh-rsa` is.
 */
export function algorithmsFor(pins: readonly PinnedKey[]): readonly string[] {
  return [...new Set(pins.flatMap((pin) => algorithmsOfType[pin.type] ?? []))];
}

/** As `ssh-keygen -l` prints it: `SHA256:` and base64 without padding. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}`;
}

const algorithmsOfType: Readonly<Record<string, readonly string[]>> = {
  "ssh-ed25519": ["ssh-ed25519"],
  "ecdsa-sha2-nistp256": ["ecdsa-sha2-nistp256"],
  "ecdsa-sha2-nistp384": ["ecdsa-sha2-nistp384"],
  "ecdsa-sha2-nistp521": ["ecdsa-sha2-nistp521"],
  "ssh-rsa": ["rsa-sha2-512", "rsa-sha2-256"],
};

function parseLine(line: string): PinnedKey {
  const [type, encoded] = line.split(/\s+/);
  const bytes = Buffer.from(encoded ?? "", "base64");
  const inner = bytes.length > 4 ? bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0)) : undefined;
  if (type === undefined || algorithmsOfType[type] === undefined || inner !== type) {
    throw new Error(`"${line.slice(0, 60)}" is no host key; expected a line such as "ssh-ed25519 AAAA..."`);
  }
  return { type, bytes };
}
