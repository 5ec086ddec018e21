import * as v from "valibot";
import { isAddress, isCidr, isHostname, isPathPrefix } from "../haproxy/allowed.ts";
import { known, nameSchema, shown } from "../resource/check.ts";
import { virtualAddressSchema } from "./virtual-address.ts";

/** Everything but `backends` and `healthCheck`, which have files of their own. */
export const schema = v.looseObject({
  mappingName: nameSchema(),
  bindPort: known(text(isPort, "is no port; 1 to 65535", "is missing")),
  bindAddress: v.optional(
    known(text((value) => value === "*" || isText(isAddress)(value), 'is no IP address of the edge, nor "*"')),
  ),
  redirectToHttps: v.optional(known(v.boolean((issue) => `${shown(issue.input)} is neither true nor false`))),
  affinity: v.optional(known(oneOf(["none", "cookie", "source"]))),
  limits: v.optional(
    known(
      v.strictObject(
        { connections: limit(), connectionsPerAddress: limit(), requestsPerSecondPerAddress: limit() },
        (issue) =>
          issue.expected === "never"
            ? `${shown(issue.input)} is not known here`
            : `${shown(issue.input)} is no { connections, connectionsPerAddress, requestsPerSecondPerAddress }`,
      ),
    ),
  ),
  mode: v.optional(known(oneOf(["http", "tcp", "udp"]))),
  engine: v.optional(known(oneOf(["haproxy", "nftables"]))),
  hostnames: v.optional(known(v.array(known(text(isText(isHostname), "is no host name")), notList))),
  pathPrefix: v.optional(
    known(
      text(
        (value) => typeof value === "string" && (/^\/?$/.test(value) || isPathPrefix(value.replace(/\/+$/, ""))),
        "is no plain path such as /api",
      ),
    ),
  ),
  httpReuse: v.optional(known(oneOf(["never", "safe"]))),
  balance: v.optional(known(oneOf(["leastconn", "roundrobin", "random", "source"]))),
  weights: v.optional(
    known(
      v.lazy((given) => (typeof given === "object" && given !== null ? snmpWeights : oneOf(["configured", "load"]))),
    ),
  ),
  clientAddress: v.optional(known(oneOf(["forwarded", "proxy-v2", "none"]))),
  acceptProxyFrom: v.optional(known(v.array(known(text(isText(isCidr), "is no CIDR such as 10.0.0.0/8")), notList))),
  drainSeconds: v.optional(known(text((value) => isWhole(value, 0, 3600), "is no number of seconds; 0 to 3600"))),
  virtualAddress: v.optional(virtualAddressSchema()),
  timeouts: v.optional(
    known(
      v.looseObject(
        { connectSeconds: seconds(), clientSeconds: seconds(), serverSeconds: seconds() },
        (issue) => `${shown(issue.input)} is no { connectSeconds, clientSeconds, serverSeconds }`,
      ),
    ),
  ),
});

/** What is wrong with a community is said without showing it. */
const snmpWeights = v.strictObject(
  {
    snmp: known(
      v.strictObject(
        {
          community: known(
            v.custom<string>(
              (value) => typeof value === "string" && /^[ -~]{1,64}$/.test(value),
              "is no community; 1 to 64 plain characters",
            ),
          ),
          port: v.optional(known(text(isPort, "is no port; 1 to 65535"))),
        },
        "is no { community, port }",
      ),
    ),
  },
  'is none of "configured", "load", { snmp }',
);

function text(holds: (value: unknown) => boolean, reason: string, missing?: string) {
  return v.custom<unknown>(holds, (issue) =>
    issue.input === undefined && missing ? missing : `${shown(issue.input)} ${reason}`,
  );
}

function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.picklist(
    words,
    (issue) => `${shown(issue.input)} is none of ${words.map((word) => `"${word}"`).join(", ")}`,
  );
}

function limit() {
  return v.optional(known(text((value) => isWhole(value, 1, 1_000_000), "is no limit; 1 to 1000000")));
}

function seconds() {
  return v.optional(known(text((value) => isWhole(value, 1, 86400), "is no number of seconds; 1 to 86400")));
}

function notList(issue: { readonly input: unknown }): string {
  return `${shown(issue.input)} is no list`;
}

function isPort(value: unknown): boolean {
  return isWhole(value, 1, 65535);
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function isText(test: (text: string) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === "string" && test(value);
}
