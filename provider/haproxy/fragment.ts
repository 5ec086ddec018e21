import * as v from "valibot";
import { isInterface } from "../keepalived/configuration.ts";
import type { Owner } from "../ownership/ownership.ts";
import {
  isAddress,
  isCertificateName,
  isCheckPath,
  isCidr,
  isHostname,
  isPathPrefix,
  isStatusRange,
  isWord,
} from "./allowed.ts";
import type { Mapping } from "./mapping.ts";

/** What the edge keeps of one mapping: whose it is and what it wants; the configuration is rendered from all of them. */
export interface Fragment {
  readonly owner: Owner;
  readonly mapping: Mapping;
}

/** One text for one fragment, whatever order the properties came in. */
export function renderFragment({ owner, mapping }: Fragment): string {
  return `${JSON.stringify(sorted({ schema: 1, owner, mapping }))}\n`;
}

/** Undefined when the text is none of ours; held to the same allow-list as what a program gives. */
export function parseFragment(text: string): Fragment | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    if (!result.success) return undefined;
    const { owner, mapping } = result.output;
    return { owner, mapping: mapping as Mapping };
  } catch {
    return undefined;
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]));
}

const word = v.pipe(v.string(), v.check(isWord));
const whole = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const limit = v.optional(whole(1, 1_000_000));
const port = whole(1, 65535);
const seconds = whole(1, 86400);

function hex(digits: number) {
  return v.pipe(v.string(), v.regex(/^[0-9a-f]+$/), v.length(digits));
}

/** Strict: a property that this version does not know would be lost by rendering, so such a fragment is not read. */
const schema = v.strictObject({
  schema: v.literal(1),
  owner: v.strictObject({
    organization: v.string(),
    project: v.string(),
    stack: v.string(),
    urn: v.string(),
    claim: v.string(),
  }),
  mapping: v.strictObject({
    name: word,
    bindAddress: v.union([v.literal("*"), v.pipe(v.string(), v.check(isAddress))]),
    bindPort: port,
    mode: v.picklist(["http", "tcp"]),
    hostnames: v.array(v.pipe(v.string(), v.check(isHostname))),
    pathPrefix: v.union([v.literal(""), v.pipe(v.string(), v.check(isPathPrefix))]),
    balance: v.picklist(["leastconn", "roundrobin", "random", "source"]),
    httpReuse: v.picklist(["never", "safe"]),
    clientAddress: v.picklist(["forwarded", "proxy-v2", "none"]),
    acceptProxyFrom: v.array(v.pipe(v.string(), v.check(isCidr))),
    healthCheck: v.strictObject({
      type: v.picklist(["http", "tcp"]),
      path: v.optional(v.pipe(v.string(), v.check(isCheckPath))),
      expectStatus: v.optional(v.pipe(v.string(), v.check(isStatusRange))),
      interSeconds: whole(1, 3600),
      rise: whole(1, 100),
      fall: whole(1, 100),
    }),
    drainSeconds: whole(0, 3600),
    timeouts: v.strictObject({ connectSeconds: seconds, clientSeconds: seconds, serverSeconds: seconds }),
    servers: v.array(
      v.strictObject({
        name: word,
        address: v.pipe(v.string(), v.check(isAddress)),
        port,
        weight: whole(0, 256),
        state: v.picklist(["ready", "drain", "maint"]),
        agent: v.optional(v.strictObject({ port, send: word })),
      }),
    ),
    weights: v.optional(v.picklist(["load", "snmp"])),
    tls: v.optional(
      v.strictObject({
        certificates: v.pipe(
          v.array(
            v.strictObject({
              sha256: hex(64),
              fingerprint: hex(40),
              names: v.array(v.pipe(v.string(), v.check(isCertificateName))),
            }),
          ),
          v.minLength(1),
          v.maxLength(64),
        ),
        minVersion: v.picklist(["TLSv1.2", "TLSv1.3"]),
        alpn: v.array(v.picklist(["h2", "http/1.1"])),
        clientCa: v.optional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/=\n -]{1,200000}$/))),
      }),
    ),
    redirectToHttps: v.optional(v.literal(true)),
    affinity: v.optional(v.picklist(["cookie", "source"])),
    limits: v.optional(
      v.strictObject({
        connections: limit,
        connectionsPerAddress: limit,
        requestsPerSecondPerAddress: limit,
      }),
    ),
    backendsFrom: v.optional(v.literal("etcd")),
    serves: v.optional(v.literal("statistics")),
    virtualAddress: v.optional(
      v.strictObject({
        address: v.pipe(v.string(), v.check(isCidr)),
        interface: v.pipe(v.string(), v.check(isInterface)),
        routerId: whole(1, 255),
        priority: whole(1, 254),
        peers: v.array(v.pipe(v.string(), v.check(isAddress))),
      }),
    ),
  }),
});
