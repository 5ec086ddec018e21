import { expect, test } from "vitest";
import { describeFailure, type Handshake, lostInDialling } from "../../../provider/host/dial-failure.ts";

const pin = { type: "ssh-ed25519", bytes: Buffer.from("pinned") };
const at: Handshake = { pins: [pin], shown: undefined, secured: false, from: "connection.password" };
const failure = (level: string | undefined, how: Partial<Handshake> = {}) => {
  const { told, again } = describeFailure("web1", Object.assign(new Error("words"), { level }), { ...at, ...how });
  return [told.kind, again];
};

test("only what was no answer may be dialled again; a refused login and a wrong key never", () => {
  const shown = pin.bytes;
  expect([
    failure("handshake", { shown: Buffer.from("other") }),
    failure("handshake"),
    failure("client-authentication", { shown, secured: true }),
    failure("agent", { shown, secured: true }),
    failure(undefined, { shown, secured: true }),
    failure("client-timeout", { shown, secured: true }),
    failure("client-timeout"),
    failure("client-socket", { shown, secured: true }),
    failure("protocol"),
    failure(undefined),
  ]).toEqual([
    ["host-key", false],
    ["host-key", false],
    ["authentication", false],
    ["authentication", false],
    ["authentication", false],
    ["timeout", false],
    ["timeout", true],
    ["unreachable", true],
    ["unreachable", true],
    ["unreachable", true],
  ]);
  expect(describeFailure("web1", lostInDialling(), { ...at, secured: true }).again).toBe(true);
});

test("a wrong host key is told with both fingerprints, a refused login with where the credential came from", () => {
  const other = describeFailure("web1", new Error("denied"), { ...at, shown: Buffer.from("other") });
  expect(other.message.match(/SHA256:/g)).toHaveLength(2);
  const refused = describeFailure("web1", new Error("no"), { ...at, shown: pin.bytes, secured: true });
  expect(refused.message).toContain("connection.password");
});
