import { createHash } from "node:crypto";
import { allowedNumber } from "./allowed.ts";
import { renderBackend } from "./backend.ts";
import { type CertificateFile, renderCertificateFiles } from "./certificates.ts";
import { renderFrontends } from "./frontend.ts";
import { LOCAL_PEER, renderPeers } from "./limits.ts";
import type { Mapping } from "./mapping.ts";
import { RUNTIME_DIRECTORY } from "./paths.ts";
import { renderServerLine, renderServerOptions } from "./server-line.ts";

export interface Configuration {
  readonly text: string;
  /**
   * Of all that only a reload can change: everything but the servers' five fields. The running proxy tells it in `show
   * info` as its description, so that a proxy which runs on an older file is noticed.
   */
  readonly digest: string;
  /** What lies beside it and holds no secret: lists of certificates and authorities of clients. */
  readonly files: readonly CertificateFile[];
}

/**
 * The whole configuration from all mappings of the edge, in the order of their names. `lost` are files of certificates that
 * can't be had: the proxy would refuse a list that names one, so what needs it is left out, and the others serve on.
 */
export function renderConfiguration(
  mappings: readonly Mapping[],
  lost: ReadonlySet<string> = new Set(),
): Configuration {
  const sorted = [...mappings].sort((a, b) => (a.name < b.name ? -1 : 1));
  const digest = digestOf(sorted, lost);
  const sections = [
    renderGlobal(sorted, digest),
    DEFAULTS,
    ...renderPeers(sorted),
    ...renderFrontends(sorted, lost),
    ...sorted.map((mapping) => [
      ...renderBackend(mapping),
      ...mapping.servers.map((server) => renderServerLine(mapping, server)),
    ]),
  ];
  return {
    text: `${HEADER}\n${sections.map(renderSection).join("\n")}`,
    digest,
    files: renderCertificateFiles(sorted, lost),
  };
}

/** What `show info` says of the configuration that runs. */
export function describeDigest(digest: string): string {
  return `pulumi-jail ${digest}`;
}

const HEADER = "# Made by pulumi-jail from the mappings on this host. A change made here is drift and is undone.\n";

function digestOf(mappings: readonly Mapping[], lost: ReadonlySet<string>): string {
  const fixed = [
    renderGlobal(mappings, ""),
    DEFAULTS,
    ...renderPeers(mappings),
    ...renderFrontends(mappings, lost),
    ...mappings.map((mapping) => [
      ...renderBackend(mapping),
      renderServerOptions(mapping),
      ...(mapping.weights ? [mapping.weights] : []),
    ]),
  ];
  const files = renderCertificateFiles(mappings, lost).map(({ name, text }) => `${name}\n${text}`);
  return createHash("sha256")
    .update([...fixed.map(renderSection), ...files].join("\n"))
    .digest("hex")
    .slice(0, 16);
}

function renderGlobal(mappings: readonly Mapping[], digest: string): readonly string[] {
  // Old workers end when their last connection does; this is the end for one that never does (tunnels, idle clients).
  const hardStop = Math.max(30, ...mappings.map((mapping) => mapping.drainSeconds));
  return [
    "global",
    `description ${describeDigest(digest)}`,
    `stats socket ${RUNTIME_DIRECTORY}/admin.sock mode 600 level admin expose-fd listeners`,
    ...(renderPeers(mappings).length > 0 ? [`localpeer ${LOCAL_PEER}`] : []),
    `hard-stop-after ${allowedNumber(hardStop, 30, 3600)}s`,
  ];
}

const DEFAULTS: readonly string[] = [
  "defaults",
  "timeout connect 5s",
  "timeout client 30s",
  "timeout server 30s",
  "timeout queue 5s",
  "timeout check 5s",
  "timeout http-request 10s",
  "timeout http-keep-alive 10s",
  "timeout tunnel 1h",
];

function renderSection(lines: readonly string[]): string {
  const [head, ...rest] = lines;
  return `${[head, ...rest.map((line) => `    ${line}`)].join("\n")}\n`;
}
