import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  FIRST_ALLOCATED_PORT,
  FIRST_RESERVED_PORT,
  isAllocatedPort,
  LAST_ALLOCATED_PORT,
  STATIC_BAND,
  startPort,
} from "../../../provider/ports/allocation.ts";
import { LAST_NETWORK_NUMBER, slotNetwork } from "../../../provider/ports/network.ts";
import { normalizePorts, portFailures } from "../../../provider/ports/port-inputs.ts";
import { parseRegistry } from "../../../provider/ports/registry.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

test("probing starts at the same allocated port for the same service and key, on every host", () => {
  expect(startPort("web", "http")).toBe(29438);
  fc.assert(
    fc.property(fc.string(), fc.string(), (service, key) => {
      const port = startPort(service, key);
      return port === startPort(service, key) && port >= FIRST_ALLOCATED_PORT && port <= LAST_ALLOCATED_PORT;
    }),
  );
});

test("128 ports at the low end are left for fixed ones", () => {
  expect([FIRST_RESERVED_PORT, STATIC_BAND, FIRST_ALLOCATED_PORT]).toEqual([20000, 128, 20128]);
  expect([19999, 20000, 20127, 20128, 31999, 32000].map(isAllocatedPort)).toEqual([
    false,
    false,
    false,
    true,
    true,
    false,
  ]);
});

test("no two slots of a host share an address, and each pair is a /31", () => {
  const all = Array.from({ length: 2000 }, (_, n) => n)
    .concat(LAST_NETWORK_NUMBER)
    .flatMap((number) => [slotNetwork("x", number, "a"), slotNetwork("x", number, "b")]);
  const addresses = all.flatMap(({ hostAddress, jailAddress }) => [hostAddress, jailAddress]);
  expect(new Set(addresses).size).toBe(addresses.length);
  expect(all.at(-1)).toMatchObject({ hostAddress: "100.127.255.254", jailAddress: "100.127.255.255" });
  for (const { hostAddress, device } of all) {
    expect(Number(hostAddress.split(".")[3]) % 2).toBe(0);
    expect(device.length).toBeLessThanOrEqual(15);
  }
});

describe("check of ports", () => {
  const failuresOf = (ports: unknown) => portFailures(normalizePorts(ports));

  test("passes what is right, and what is not known yet", () => {
    expect(
      failuresOf({
        http: 80,
        dns: { jailPort: 53, protocol: "udp" },
        same: { jailPort: 53 },
        s: { socket: "/run/x.sock" },
      }),
    ).toEqual([]);
    expect(failuresOf({ http: UNKNOWN, other: { jailPort: UNKNOWN, hostPort: UNKNOWN } })).toEqual([]);
    expect(failuresOf(UNKNOWN)).toEqual([]);
  });

  test("names every failure at once, with its path", () => {
    expect(
      failuresOf({
        http: { jailPort: 80, hostPort: 25000 },
        www: 80,
        zero: 0,
        Bad: 1,
        x: { jailPort: 3, bindAddress: "1.2.3" },
        y: "no",
      }),
    ).toEqual([
      { property: "ports.http.hostPort", reason: "25000 lies in the allocated range 20128-31999" },
      { property: "ports.zero.jailPort", reason: "0 is no port; 1 to 65535" },
      { property: "ports.Bad", reason: '"Bad" is no name of a port; a-z, 0-9, "_" and "-"' },
      { property: "ports.x.bindAddress", reason: '"1.2.3" is no IPv4 address' },
      { property: "ports.y", reason: '"no" is no port' },
      { property: "ports", reason: "http and www both have jailPort 80/tcp" },
    ]);
  });
});

test("a registry with a line that is none is never read as an empty one", () => {
  expect(parseRegistry("# head\n\n")).toEqual([]);
  expect(() => parseRegistry("web\thttp\ttcp\n")).toThrow(/a line that is none/);
});
