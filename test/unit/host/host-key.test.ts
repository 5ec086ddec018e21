import { expect, test } from "vitest";
import { algorithmsFor, fingerprintOf, isPinned, parseHostKeys } from "../../../provider/host/host-key.ts";

// Made for this test by ssh-keygen; the fingerprint is the one that ssh-keygen -l printed.
const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINuOPWHtbOKGiVXVKbC4MW3JWlLTXvZqHQFYYr7q/eZm";
const fingerprint = "SHA256:4aIbrs9Vgw1vFSI0YQMbpZqWlMnkEUqQCbPtefdGeF8";
const rsaLike = keyLine("ssh-rsa");

function keyLine(type: string): string {
  const bytes = Buffer.concat([Buffer.from([0, 0, 0, type.length]), Buffer.from(type), Buffer.alloc(40, 7)]);
  return `${type} ${bytes.toString("base64")}`;
}

test("a pinned key is matched byte by byte", () => {
  const pins = parseHostKeys(`\n# web1\n${line} root@web1\r\n${rsaLike}\n`);
  expect(pins.map((pin) => pin.type)).toEqual(["ssh-ed25519", "ssh-rsa"]);
  const shown = Buffer.from(line.split(" ")[1]!, "base64");
  expect(isPinned(pins, shown)).toBe(true);
  for (let at = 0; at < shown.length; at++) {
    const other = Buffer.from(shown);
    other[at]! ^= 1;
    expect(isPinned(pins, other)).toBe(false);
  }
  expect(isPinned(pins, shown.subarray(1))).toBe(false);
  expect(isPinned(pins, Buffer.concat([shown, Buffer.from([0])]))).toBe(false);
  expect(isPinned([], shown)).toBe(false);
});

test("fingerprints are those of ssh-keygen", () => {
  expect(fingerprintOf(parseHostKeys(line)[0]!.bytes)).toBe(fingerprint);
});

test("only algorithms of the pinned types are offered, none with SHA-1", () => {
  expect(algorithmsFor(parseHostKeys(line))).toEqual(["ssh-ed25519"]);
  expect(algorithmsFor(parseHostKeys(`${rsaLike}\n${line}`))).toEqual(["rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"]);
});

test("a line that is no host key is refused, not skipped", () => {
  const bad = [
    "ssh-ed25519",
    "ssh-dss AAAAB3NzaC1kc3M=",
    `ssh-rsa ${line.split(" ")[1]}`,
    `web1 ${line}`,
    "@revoked x",
  ];
  for (const text of bad) expect(() => parseHostKeys(`${line}\n${text}`)).toThrow("is no host key");
});
