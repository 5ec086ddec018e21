import { createHash } from "node:crypto";
import { allowed, allowedNumber, isCheckPath, isHostname, isStatusRange, isWord } from "./allowed.ts";
import { renderLimits } from "./limits.ts";
import type { Mapping } from "./mapping.ts";

/** The lines of a mapping's backend without its servers. */
export function renderBackend(mapping: Mapping): readonly string[] {
  const { timeouts } = mapping;
  const head = [
    `backend ${allowed(isWord, mapping.name)}`,
    `mode ${mapping.mode === "http" ? "http" : "tcp"}`,
    ...renderLimits(mapping),
  ];
  if (mapping.serves === "statistics") return [...head, ...STATISTICS];
  return [
    ...head,
    ...(mapping.redirectToHttps ? REDIRECT : []),
    ...renderBalance(mapping.balance),
    `timeout connect ${allowedNumber(timeouts.connectSeconds, 1, 86400)}s`,
    `timeout server ${allowedNumber(timeouts.serverSeconds, 1, 86400)}s`,
    ...renderCookie(mapping),
    ...(mapping.mode === "http" ? renderHttp(mapping) : []),
    "retries 3",
    "option redispatch 1",
    ...renderCheck(mapping),
  ];
}

/** Read only: no `stats admin`. Its path is all of the mapping, but for the exporter's. */
const STATISTICS: readonly string[] = [
  "http-request use-service prometheus-exporter if { path /metrics }",
  "stats enable",
  "stats uri /",
  "stats refresh 10s",
  "stats hide-version",
];

/** To the same name without this bind's port (`host_only`, as a regular expression takes memory that is written and executed, which the unit forbids). A method other than these has to stay what it is (RFC 9110, 15.4.9). */
const REDIRECT: readonly string[] = [
  "http-request redirect code 301 prefix https://%[req.hdr(host),host_only] if METH_GET || METH_HEAD",
  "http-request redirect code 308 prefix https://%[req.hdr(host),host_only]",
];

/**
 * The proxy computes a server's cookie from its address (`add server` takes no `cookie`); the key is no secret, it only has
 * to stay, so that a visitor finds the same server after a reload, a restart and on another edge.
 */
function renderCookie(mapping: Mapping): readonly string[] {
  if (mapping.affinity !== "cookie") return [];
  const name = allowed(isWord, mapping.name);
  const key = createHash("sha256").update(`affinity ${name}`).digest("hex").slice(0, 16);
  return [
    `cookie jail-${name} insert indirect nocache httponly${mapping.tls ? " secure" : ""} dynamic`,
    `dynamic-cookie-key ${key}`,
  ];
}

const BALANCES = ["leastconn", "roundrobin", "random", "source"] as const;

/** `add server` needs a dynamic algorithm; `source` is one with consistent hashing only. */
function renderBalance(balance: Mapping["balance"]): readonly string[] {
  const word = BALANCES.find((known) => known === balance);
  if (word === undefined) throw new Error("this balance is not allowed in the proxy's configuration");
  return word === "source" ? ["balance source", "hash-type consistent"] : [`balance ${word}`];
}

function renderHttp(mapping: Mapping): readonly string[] {
  return [
    // Keep-alive towards servers makes a request fail that meets a server's idle close; "safe" trades that for speed.
    ...(mapping.httpReuse === "never" ? ["option http-server-close", "http-reuse never"] : ["http-reuse safe"]),
    // What a client claims about itself is overwritten, not continued.
    ...(mapping.clientAddress === "forwarded"
      ? [
          "http-request set-header X-Forwarded-For %[src]",
          `http-request set-header X-Forwarded-Proto ${mapping.tls ? "https" : "http"}`,
        ]
      : []),
    // A request that may have had an effect is sent again only when the connection never came about.
    "http-request disable-l7-retry unless METH_GET",
    "retry-on conn-failure empty-response response-timeout",
  ];
}

function renderCheck(mapping: Mapping): readonly string[] {
  const { healthCheck } = mapping;
  if (healthCheck.type !== "http") return [];
  const path = allowed(isCheckPath, healthCheck.path ?? "/");
  const host = allowed(isHostname, mapping.hostnames[0] ?? "localhost");
  return [
    "option httpchk",
    `http-check send meth GET uri ${path} ver HTTP/1.1 hdr Host ${host}`,
    `http-check expect status ${allowed(isStatusRange, healthCheck.expectStatus ?? "200-399")}`,
  ];
}
