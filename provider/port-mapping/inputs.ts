import { isDeepStrictEqual } from "node:util";
import { type Limits, renderAddress } from "../haproxy/mapping.ts";
import type { VirtualAddress } from "../keepalived/configuration.ts";
import { diffFields, type Field, type FieldTable } from "../resource/fields.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import type { CommonInputs, Diff } from "../resource/kind.ts";
import { isUnknown } from "../resource/unknown.ts";
import type { BackendsFrom } from "./backends-from.ts";
import type { SnmpInputs } from "./snmp.ts";
import type { TlsInputs } from "./tls.ts";

/** A server of the mapping, as check leaves it: an endpoint or a plain address, with every default decided. */
export interface BackendInputs {
  readonly name: string;
  readonly address: string;
  readonly hostPort: number;
  readonly weight: number;
  readonly state: "ready" | "drain" | "maint";
  /** The responder of an endpoint's host. */
  readonly agent?: { readonly port: number; readonly send: string };
}

export interface HealthCheckInputs {
  readonly type: "http" | "tcp";
  readonly path?: string;
  readonly expectStatus?: string;
  readonly interSeconds: number;
  readonly rise: number;
  readonly fall: number;
}

/** Checked inputs: every default filled in; in a preview anything may be the unknown instead. */
export interface PortMappingInputs extends CommonInputs {
  readonly mappingName: string;
  /** Where clients reach the edge: the `Host`'s address. */
  readonly address: string;
  readonly bindAddress: string;
  readonly bindPort: number;
  readonly mode: "http" | "tcp" | "udp";
  readonly engine: "haproxy" | "nftables";
  /** "statistics": the proxy's own page. */
  readonly backends: readonly BackendInputs[] | "statistics";
  /** Servers that come and go without a run; `backends` are then only the start. */
  readonly backendsFrom?: BackendsFrom;
  readonly hostnames: readonly string[];
  readonly pathPrefix: string;
  readonly httpReuse: "never" | "safe";
  readonly balance: "leastconn" | "roundrobin" | "random" | "source";
  readonly weights: "configured" | "load" | { readonly snmp: SnmpInputs };
  readonly clientAddress: "forwarded" | "proxy-v2" | "none";
  readonly acceptProxyFrom: readonly string[];
  readonly healthCheck: HealthCheckInputs;
  readonly drainSeconds: number;
  readonly timeouts: {
    readonly connectSeconds: number;
    readonly clientSeconds: number;
    readonly serverSeconds: number;
  };
  readonly tls?: TlsInputs;
  readonly redirectToHttps: boolean;
  readonly affinity: "none" | "cookie" | "source";
  readonly limits: Limits;
  readonly virtualAddress?: VirtualAddress;
  /** Derived, and an input so that it is known in a preview. */
  readonly url: string;
}

/** What the last change did to the running proxy and what its clients saw of it. */
export interface LastChange {
  readonly by: "runtime-api" | "reload" | "start" | "record" | "nftables";
  /** Requests (tcp: connections) that the mapping answered while it was changed. */
  readonly requests: number;
  /** Of these, without an answer from a server: connection and response errors after all retries. */
  readonly failed: number;
}

export interface PortMappingOutputs extends CommonOutputs {
  /** systemd-analyze(1) security's score of the edge's HAProxy: 10 is worst, 0 best. */
  readonly exposure: number;
  readonly lastChange: LastChange;
}

const reload: Field<unknown> = { effect: "update", note: () => RELOAD };
const RELOAD = "reload without loss";

/** What a change of each property does: the one source of diff and documentation (api: PortMapping). */
export const fields: FieldTable<PortMappingInputs> = {
  adopt: { effect: "none" },
  mappingName: reload,
  address: { effect: "none" },
  bindAddress: reload,
  bindPort: reload,
  mode: reload,
  engine: reload,
  backends: { effect: "update", note: noteBackendsOf(undefined) },
  backendsFrom: { effect: "update", note: noteFrom },
  hostnames: reload,
  pathPrefix: reload,
  httpReuse: reload,
  balance: reload,
  weights: reload,
  clientAddress: reload,
  acceptProxyFrom: reload,
  healthCheck: reload,
  drainSeconds: { effect: "update" },
  timeouts: reload,
  tls: { effect: "update", note: noteTls },
  redirectToHttps: reload,
  affinity: reload,
  limits: reload,
  virtualAddress: { effect: "update", note: noteVirtualAddress },
  url: { effect: "update" },
};

/** One note of a reload is enough, however many properties ask for it. */
export function diffPortMapping(olds: PortMappingInputs & PortMappingOutputs, news: PortMappingInputs): Diff {
  const diff = diffFields({ ...fields, backends: { effect: "update", note: noteBackendsOf(news) } }, olds, news);
  const notes = [...new Set(diff.notes)];
  return { ...diff, notes: news.engine === "nftables" ? [...new Set(notes.map(byNftables))] : notes };
}

/** Without a proxy nothing is reloaded or drained. */
function byNftables(note: string): string {
  if (note === RELOAD) return "one transaction of nftables; connections stay where they are";
  return note.replace(" by the runtime API", " by nftables").replaceAll(" drained and removed", " removed");
}

function noteBackendsOf(news: PortMappingInputs | undefined) {
  return (
    before: readonly BackendInputs[] | "statistics" | undefined,
    after: readonly BackendInputs[] | "statistics" | undefined,
  ) => noteBackends(before, after, typeof news?.weights === "object" || news?.weights === "load");
}

/** keepalived's part of a change; the proxy has none in it. */
function noteVirtualAddress(before: VirtualAddress | undefined, after: VirtualAddress | undefined): string | undefined {
  if (isUnknown(before) || isUnknown(after)) return undefined;
  if (!after) return before && `virtual address ${before.address} goes, with keepalived where no other mapping has one`;
  if (!before) return `virtual address ${after.address} by keepalived`;
  if (before.address === after.address) return "keepalived reload";
  return `keepalived reload: virtual address ${after.address} comes before ${before.address} goes`;
}

/** Which servers that are no preview can tell. */
function noteFrom(_: BackendsFrom | undefined, after: BackendsFrom | undefined): string {
  if (isUnknown(after) || isUnknown(after?.etcd)) return "servers from etcd";
  return after ? `servers from etcd below ${after.etcd.prefix}` : "servers from etcd are drained and removed";
}

/** New content for as many certificates as before is told to the running proxy. */
function noteTls(before: TlsInputs | undefined, after: TlsInputs | undefined): string {
  if (!before || !after || isUnknown(before)) return RELOAD;
  const { certificates: old, ...rest } = before;
  const { certificates: now, ...wanted } = after;
  if (!Array.isArray(old) || old.length !== now.length || !isDeepStrictEqual(rest, wanted)) return RELOAD;
  const changed = now.flatMap((one, index) =>
    isDeepStrictEqual(one, old[index]) ? [] : [`tls.certificates[${index}]`],
  );
  return `${changed.join(", ")} by the runtime API`;
}

function noteBackends(
  before: readonly BackendInputs[] | "statistics" | undefined,
  after: readonly BackendInputs[] | "statistics" | undefined,
  isLoad: boolean,
): string | undefined {
  if (before === "statistics" || after === "statistics") return RELOAD;
  if (!Array.isArray(before) || !Array.isArray(after) || isUnknown(before)) return undefined;
  const old = new Map((before as readonly BackendInputs[]).map((backend) => [backend.name, backend]));
  const now = new Map((after as readonly BackendInputs[]).map((backend) => [backend.name, backend]));
  const changes = [
    ...[...now.values()].flatMap((backend) => noteBackend(old.get(backend.name), backend)),
    ...[...old.keys()].filter((name) => !now.has(name)).map((name) => `${name} drained and removed`),
  ];
  if (changes.length === 0) return undefined;
  // The responders' answers are parts of the weight that a server came with (haproxy/agent.ts).
  const reloads = isLoad && [...now.values()].some(({ name, weight }) => (old.get(name)?.weight ?? weight) !== weight);
  return `${changes.join(", ")} ${reloads ? "with a reload without loss" : "by the runtime API"}`;
}

function noteBackend(before: BackendInputs | undefined, after: BackendInputs): readonly string[] {
  if (!before) return [`${after.name} added`];
  const at = renderAddress(after.address, after.hostPort);
  return [
    ...(renderAddress(before.address, before.hostPort) === at ? [] : [`${after.name} moved to ${at}`]),
    ...(before.weight === after.weight ? [] : [`${after.name} weight ${before.weight} -> ${after.weight}`]),
    ...(before.state === after.state ? [] : [`${after.name} ${before.state} -> ${after.state}`]),
  ];
}
