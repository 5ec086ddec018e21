import { hasOtherAgent, isMovedByAgent } from "../haproxy/agent.ts";
import { certificateFile, digestOfText } from "../haproxy/certificates.ts";
import { type Configuration, describeDigest, renderConfiguration } from "../haproxy/configuration.ts";
import { type Fragment, renderFragment } from "../haproxy/fragment.ts";
import { effectiveWeight, isWatched, type Mapping, renderAddress, type Server } from "../haproxy/mapping.ts";
import type { RunningServer } from "../haproxy/running.ts";
import { CERTIFICATE_MODE } from "./bundle.ts";
import type { Edge } from "./observed.ts";
import { EDGE_UNIT, generationOf, renderEdgeUnit } from "./unit.ts";

/** A sentence for each thing that is not as declared; empty means that there is nothing to do. */
export function describeDrift(declared: Fragment, edge: Edge): readonly string[] {
  return [
    ...driftOfFragment(declared, edge),
    ...driftOfConfiguration(edge),
    ...driftOfFiles(declared.mapping.name, mappingsOf(edge), edge, configurationOf(edge)),
    ...driftOfServed(declared.mapping, edge),
    ...driftOfUnit(edge),
    ...driftOfProxy(declared.mapping, edge),
  ];
}

function driftOfFragment(declared: Fragment, edge: Edge): readonly string[] {
  const { name } = declared.mapping;
  const found = edge.fragments.find((fragment) => fragment.name === name);
  if (!found) return [`fragment of mapping ${name} is gone`];
  return [
    ...(found.text === renderFragment(declared) ? [] : [`fragment of mapping ${name} changed`]),
    ...(found.mode === "600:root:root"
      ? []
      : [`fragment of mapping ${name} has mode ${found.mode}, not 600:root:root`]),
  ];
}

/** Against what lies there, not against what this state knows: the other mappings are other states' business. */
function driftOfConfiguration(edge: Edge): readonly string[] {
  if (!edge.configuration) return ["configuration is gone"];
  const unreadable = edge.fragments.filter((found) => !found.fragment);
  if (unreadable.length > 0) return unreadable.map((found) => `fragment of mapping ${found.name} is unreadable`);
  const { text } = configurationOf(edge);
  return [
    ...(edge.configuration.text === text ? [] : ["configuration differs from the fragments"]),
    ...(edge.configuration.mode === "644:root:root"
      ? []
      : [`configuration has mode ${edge.configuration.mode}, not 644:root:root`]),
  ];
}

/** What the fragments make; where a certificate is lost, with or without what needs it, whichever lies there. */
function configurationOf(edge: Edge): Configuration {
  const mappings = mappingsOf(edge);
  const all = renderConfiguration(mappings);
  const lost = lostFiles(mappings, edge);
  if (lost.size === 0 || edge.configuration?.text === all.text) return all;
  return renderConfiguration(mappings, lost);
}

/** Files of certificates that are gone or are not what their mapping says: only its own `up` can bring them back. */
export function lostFiles(mappings: readonly Mapping[], edge: Edge): ReadonlySet<string> {
  const marks = mappings.flatMap(({ name, tls }) =>
    (tls?.certificates ?? []).map(({ sha256 }, index) => [certificateFile(name, index), sha256] as const),
  );
  return new Set(
    marks.filter(([file, sha256]) => edge.certificates.get(file)?.sha256 !== sha256).map(([file]) => file),
  );
}

/** Files beside the configuration: lists are everybody's, a key that is lost or changed only its own mapping can mend. */
export function driftOfFiles(
  mine: string,
  mappings: readonly Mapping[],
  edge: Edge,
  { files }: Configuration,
): readonly string[] {
  const wanted = new Map<string, string | undefined>([
    ...files.map(({ name, text }) => [name, digestOfText(text)] as const),
    ...mappings.flatMap(({ name, tls }) =>
      (tls?.certificates ?? []).map(
        ({ sha256 }, index) => [certificateFile(name, index), name === mine ? sha256 : undefined] as const,
      ),
    ),
  ]);
  return [
    ...[...wanted].flatMap(([name, sha256]) => {
      const found = edge.certificates.get(name);
      if (!found) return sha256 === undefined ? [] : [`${name} is gone`];
      return [
        ...(sha256 === undefined || found.sha256 === sha256 ? [] : [`${name} changed`]),
        ...(found.mode === CERTIFICATE_MODE ? [] : [`${name} has mode ${found.mode}, not ${CERTIFICATE_MODE}`]),
      ];
    }),
    ...[...edge.certificates.keys()].filter((name) => !wanted.has(name)).map((name) => `${name} is not of our making`),
  ];
}

function driftOfServed({ name, tls }: Mapping, edge: Edge): readonly string[] {
  if (!edge.proxy) return [];
  return (tls?.certificates ?? []).flatMap(({ fingerprint }, index) => {
    const found = edge.certificates.get(certificateFile(name, index));
    return found && found.served !== fingerprint
      ? [`HAProxy serves another certificate than tls.certificates[${index}]`]
      : [];
  });
}

/** All mappings that lie on the edge and can be read. */
export function mappingsOf(edge: Edge): readonly Mapping[] {
  return edge.fragments.flatMap((found) => (found.fragment ? [found.fragment.mapping] : []));
}

function driftOfUnit(edge: Edge): readonly string[] {
  const { unitFile, unit } = edge;
  if (!unitFile) return [`${EDGE_UNIT} is gone`];
  const digest = generationOf(unitFile.text);
  return [
    ...(digest && unitFile.text === renderEdgeUnit(digest) ? [] : [`${EDGE_UNIT} changed`]),
    ...(unitFile.mode === "644:root:root" ? [] : [`${EDGE_UNIT} has mode ${unitFile.mode}, not 644:root:root`]),
    ...dropInsOf(edge).map((path) => `${EDGE_UNIT} has a drop-in: ${path}`),
    ...(unit["UnitFileState"] === "enabled" ? [] : [`${EDGE_UNIT} is ${unit["UnitFileState"] || "not enabled"}`]),
    ...(unit["NeedDaemonReload"] === "yes" ? [`${EDGE_UNIT} changed on disk and systemd has not read it`] : []),
    ...(edge.user ? [] : ["user pulumi-jail-edge is gone"]),
  ];
}

/** Those of this unit alone: a drop-in for all services of a host is its administrator's. */
export function dropInsOf(edge: Edge): readonly string[] {
  const paths = (edge.unit["DropInPaths"] ?? "").split(" ");
  return paths.filter((path) => path.includes(`/${EDGE_UNIT}.d/`));
}

function driftOfProxy(mapping: Mapping, edge: Edge): readonly string[] {
  const { proxy } = edge;
  if (!proxy) return [STOPPED.has(edge.unit["ActiveState"]) ? "HAProxy is stopped" : "HAProxy does not answer"];
  const { digest } = configurationOf(edge);
  const running = proxy.servers.get(mapping.name);
  const declared = new Set(mapping.servers.map((server) => server.name));
  return [
    ...edge.outOfJail,
    ...(proxy.description === describeDigest(digest) ? [] : ["HAProxy runs on another configuration"]),
    ...(running
      ? [
          ...mapping.servers.flatMap((server) => driftOfServer(mapping, server, running.get(server.name))),
          ...[...running.keys()]
            .filter((name) => !declared.has(name) && !isWatched(mapping, name))
            .map((name) => `backend ${name} is in the running proxy and not declared`),
        ]
      : [`mapping ${mapping.name} is gone from the running proxy`]),
  ];
}

function driftOfServer(mapping: Mapping, declared: Server, running: RunningServer | undefined): readonly string[] {
  const { name } = declared;
  if (!running) return [`backend ${name} is gone from the running proxy`];
  const wanted = renderAddress(declared.address, declared.port);
  const is = renderAddress(running.address, running.port);
  const admin = declared.state === "maint" ? "maint" : "ready";
  const moved = isMovedByAgent(mapping, declared, running);
  const drained = moved.drain && running.admin === "drain";
  return [
    ...(is === wanted ? [] : [`backend ${name}: address ${wanted} -> ${is}`]),
    ...(running.weight === effectiveWeight(declared) || moved.weight
      ? []
      : [`backend ${name}: weight ${effectiveWeight(declared)} -> ${running.weight}`]),
    ...(running.admin === admin || drained
      ? []
      : [`backend ${name} is in ${ADMIN[running.admin]}, declared ${declared.state}`]),
    ...(hasOtherAgent(mapping, declared, running)
      ? [`backend ${name}: the proxy does not ask its host's responder`]
      : []),
  ];
}

/** Of the unit; while it is being started again and again, nothing runs for long. */
const STOPPED = new Set([undefined, "inactive", "failed", "activating", "deactivating"]);

const ADMIN = { ready: "use (READY)", drain: "drain (DRAIN)", maint: "maintenance (MAINT)" } as const;
