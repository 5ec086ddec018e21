import { allowed, allowedNumber, isCheckPath, isHostname, isStatusRange, isWord } from "./allowed.ts";
import type { Mapping } from "./mapping.ts";

/** The lines of a mapping's backend without its servers. */
export function renderBackend(mapping: Mapping): readonly string[] {
  const { timeouts } = mapping;
  return [
    `backend ${allowed(isWord, mapping.name)}`,
    `mode ${mapping.mode === "http" ? "http" : "tcp"}`,
    ...renderBalance(mapping.balance),
    `timeout connect ${allowedNumber(timeouts.connectSeconds, 1, 86400)}s`,
    `timeout server ${allowedNumber(timeouts.serverSeconds, 1, 86400)}s`,
    ...(mapping.mode === "http" ? renderHttp(mapping) : []),
    "retries 3",
    "option redispatch 1",
    ...renderCheck(mapping),
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
      ? ["http-request set-header X-Forwarded-For %[src]", "http-request set-header X-Forwarded-Proto http"]
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
