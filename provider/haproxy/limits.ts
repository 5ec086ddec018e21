import { allowedNumber } from "./allowed.ts";
import type { Limits, Mapping } from "./mapping.ts";
import { RUNTIME_DIRECTORY } from "./paths.ts";

/** Colons keep these names apart from mappings'. */
const PEERS = "peers:local";

/**
 * The old process of a reload tells the new one its tables (HAProxy configuration manual, 3.5), by a socket in a directory
 * that nobody else enters. Connections under way are counted by the process that has them and are not told.
 */
export function renderPeers(mappings: readonly Mapping[]): readonly (readonly string[])[] {
  if (!mappings.some(hasTable)) return [];
  return [[`peers ${PEERS}`, `peer ${LOCAL_PEER} unix@${RUNTIME_DIRECTORY}/peers.sock`]];
}

/** What the one process on this host calls itself: host names are not for us to rely on. */
export const LOCAL_PEER = "local";

/** Affinity by address and limits of one: both live in the backend's one stick-table. */
export function renderLimits(mapping: Mapping): readonly string[] {
  const limits = mapping.limits ?? {};
  return [...renderTable(mapping, limits), ...(mapping.mode === "http" ? renderHttp(limits) : renderTcp(limits))];
}

function hasTable({ affinity, limits }: Mapping): boolean {
  return (
    affinity === "source" ||
    limits?.connectionsPerAddress !== undefined ||
    limits?.requestsPerSecondPerAddress !== undefined
  );
}

function renderTable(mapping: Mapping, limits: Limits): readonly string[] {
  if (!hasTable(mapping)) return [];
  const isSticky = mapping.affinity === "source";
  const counters = [
    ...(limits.connectionsPerAddress === undefined ? [] : ["conn_cur"]),
    ...(limits.requestsPerSecondPerAddress === undefined ? [] : ["http_req_rate(1s)"]),
  ];
  const store = counters.length > 0 ? ` store ${counters.join(",")}` : "";
  // A table of type ipv6 holds addresses of IPv4 too.
  return [
    `stick-table type ipv6 size 100k expire ${isSticky ? "30m" : "10s"}${store} peers ${PEERS}`,
    ...(isSticky ? ["stick on src"] : []),
  ];
}

/** The request that asks counts itself. */
function renderHttp(limits: Limits): readonly string[] {
  const { connections, connectionsPerAddress, requestsPerSecondPerAddress } = limits;
  const rate = requestsPerSecondPerAddress;
  return [
    ...(connectionsPerAddress === undefined && rate === undefined ? [] : ["http-request track-sc0 src"]),
    ...(rate === undefined ? [] : [`http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${most(rate)} }`]),
    ...(connectionsPerAddress === undefined
      ? []
      : [`http-request deny deny_status 429 if { sc_conn_cur(0) gt ${most(connectionsPerAddress)} }`]),
    ...(connections === undefined ? [] : [`http-request deny deny_status 503 if { be_conn gt ${most(connections)} }`]),
  ];
}

function renderTcp(limits: Limits): readonly string[] {
  const { connections, connectionsPerAddress } = limits;
  return [
    ...(connectionsPerAddress === undefined
      ? []
      : [
          "tcp-request content track-sc0 src",
          `tcp-request content reject if { sc_conn_cur(0) gt ${most(connectionsPerAddress)} }`,
        ]),
    ...(connections === undefined ? [] : [`tcp-request content reject if { be_conn gt ${most(connections)} }`]),
  ];
}

function most(value: number): string {
  return allowedNumber(value, 1, 1_000_000);
}
