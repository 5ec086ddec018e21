import { expect, test } from "vitest";
import { familyOf } from "../../../provider/haproxy/address.ts";
import { conflictOf, describeDisagreement, disagreements } from "../../../provider/haproxy/conflict.ts";
import { mapping } from "./fixtures.ts";

const TLS = { certificates: [], minVersion: "TLSv1.2", alpn: [] } as const;
const other = (change: Parameters<typeof mapping>[0]) => mapping({ name: "other", ...change });

test.each([
  [{}, { bindPort: 81 }],
  [{ hostnames: ["a.example"] }, {}],
  [{ hostnames: ["a.example"] }, { hostnames: ["b.example"] }],
  [{ hostnames: ["a.example"], pathPrefix: "/api" }, { hostnames: ["a.example"] }],
  [{ pathPrefix: "/api" }, {}],
  [{ bindAddress: "10.0.0.1" }, { bindAddress: "10.0.0.2" }],
  [{ mode: "tcp", hostnames: ["a.example"] }, { mode: "tcp" }],
  [
    { mode: "tcp", hostnames: ["a.example"] },
    { mode: "tcp", hostnames: ["b.example"] },
  ],
  [{ tls: TLS, hostnames: ["a.example"] }, { tls: { ...TLS, minVersion: "TLSv1.3" } }],
] as const)("mappings stand beside each other: %j and %j", (mine, its) => {
  expect(conflictOf(mapping(mine), other(its))).toBeUndefined();
});

test.each([
  [{}, {}, 'bind *:80 has its default already: mapping "other"; give hostnames or a pathPrefix'],
  [
    { mode: "tcp" },
    {},
    'bind *:80 is taken by mapping "other" (mode http); only http mappings share one, and tcp mappings told apart by hostnames',
  ],
  [
    {},
    { mode: "tcp" },
    'bind *:80 is taken by mapping "other" (mode tcp); only http mappings share one, and tcp mappings told apart by hostnames',
  ],
  [
    { mode: "tcp" },
    { mode: "tcp" },
    'bind *:80 is taken by mapping "other" (mode tcp); only http mappings share one, and tcp mappings told apart by hostnames',
  ],
  [
    { mode: "tcp", hostnames: ["a.example"] },
    { mode: "tcp", hostnames: ["a.example"] },
    `a.example on bind *:80 is mapping "other"'s already`,
  ],
  [
    { hostnames: ["a.example"], tls: TLS },
    {},
    'bind *:80 is not a TLS one by mapping "other"; all who share it have tls, or none has',
  ],
  [
    { hostnames: ["a.example"], tls: TLS },
    { tls: { ...TLS, clientCa: "-" } },
    `bind *:80 is mapping "other"'s too; one with tls.clientCa shares none`,
  ],
  [
    { hostnames: ["a.example", "b.example"] },
    { hostnames: ["b.example"] },
    `b.example on bind *:80 is mapping "other"'s already`,
  ],
  [{ pathPrefix: "/api" }, { pathPrefix: "/api" }, `/api on bind *:80 is mapping "other"'s already`],
  [{ bindAddress: "10.0.0.1" }, {}, 'bind 10.0.0.1:80 overlaps *:80 of mapping "other"'],
] as const)("mappings that can't are told: %j and %j", (mine, its, reason) => {
  expect(conflictOf(mapping(mine), other(its))).toBe(reason);
});

const SHARED = { hostnames: ["a.example"], tls: TLS };

test.each([
  [SHARED, { ...SHARED, pathPrefix: "/b" }],
  [SHARED, { hostnames: ["b.example"], tls: { ...TLS, minVersion: "TLSv1.3", alpn: ["h2"] } }],
  [SHARED, { ...SHARED, bindPort: 81, acceptProxyFrom: ["10.0.0.0/8"] }],
  [
    { acceptProxyFrom: ["10.0.0.0/8", "192.0.2.1/32"] },
    { pathPrefix: "/b", acceptProxyFrom: ["192.0.2.1/32", "10.0.0.0/8"] },
  ],
] as const)("mappings agree about what they share: %j and %j", (mine, its) => {
  expect(disagreements(mapping(mine), other(its))).toEqual([]);
});

test.each([
  [
    { ...SHARED, tls: { ...TLS, minVersion: "TLSv1.3", alpn: ["h2", "http/1.1"] } },
    { ...SHARED, hostnames: ["b.example", "a.example"], pathPrefix: "/b" },
    [
      'a.example on bind *:80 has tls.minVersion TLSv1.2 by mapping "other", not TLSv1.3; who shares it gives the same',
      'a.example on bind *:80 has tls.alpn none by mapping "other", not h2, http/1.1; who shares it gives the same',
    ],
  ],
  [
    { tls: TLS },
    { tls: { ...TLS, minVersion: "TLSv1.3" }, pathPrefix: "/b" },
    [
      'all other names on bind *:80 has tls.minVersion TLSv1.3 by mapping "other", not TLSv1.2; who shares it gives the same',
    ],
  ],
  [
    { hostnames: ["a.example"] },
    { acceptProxyFrom: ["10.0.0.0/8"] },
    ['bind *:80 has acceptProxyFrom 10.0.0.0/8 by mapping "other", not none; who shares it gives the same'],
  ],
] as const)("what mappings share and give differently is told: %j and %j", (mine, its, words) => {
  const found = disagreements(mapping(mine), other(its));
  expect(found.map((one) => describeDisagreement(one, other(its)))).toEqual(words);
});

test.each([
  ["10.0.0.4", 4],
  ["255.255.255.255", 4],
  ["2001:db8::7", 6],
  ["::", 6],
  ["::1", 6],
  ["1:2:3:4:5:6:7:8", 6],
  ["10.0.0.256", undefined],
  ["010.0.0.1", undefined],
  ["10.0.0", undefined],
  ["1:2:3:4:5:6:7", undefined],
  ["1::2::3", undefined],
  [":1", undefined],
  ["fe80::1%eth0", undefined],
  ["web1.example", undefined],
  ["", undefined],
] as const)("the family of %s is %s", (text, family) => {
  expect(familyOf(text)).toBe(family);
});
