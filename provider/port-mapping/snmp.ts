import { agentOf, SNMP_ADDRESS } from "../haproxy/agent.ts";
import type { Mapping } from "../haproxy/mapping.ts";
import type { Question } from "../host/question.ts";
import { snmpProgram } from "../host/responder-program.ts";
import type { Step } from "../host/step.ts";
import {
  renderSnmpService,
  renderSnmpSocket,
  SNMP_DIRECTORY,
  SNMP_PROGRAM,
  SNMP_SERVICE_PATH,
  SNMP_SOCKET_PATH,
} from "../systemd/snmp-unit.ts";
import type { PortMappingInputs } from "./inputs.ts";
import type { FoundFile } from "./observed.ts";
import { EDGE_USER } from "./unit.ts";

/** How hosts with an snmpd are asked, as check leaves it. */
export interface SnmpInputs {
  readonly community: string;
  readonly port: number;
}

/** What is on the edge for asking them. */
export interface FoundSnmp {
  /** By path; of the targets this mapping's only. */
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly listens: boolean;
  readonly enabled: boolean;
}

/** Undefined when the mapping asks no snmpd. */
export function snmpOf(weights: PortMappingInputs["weights"] | undefined): SnmpInputs | undefined {
  return typeof weights === "object" ? weights.snmp : undefined;
}

/** One question beside the edge's own. */
export function observeSnmp(name: string): Question<FoundSnmp> {
  return {
    ask: "edge-snmp",
    args: [name],
    parse: (text) => {
      const lines = text.split("\n");
      const files = lines.flatMap((line): [string, FoundFile][] => {
        const [word, path = "", mode = "", body = ""] = line.split(" ");
        return word === "file" ? [[path, { mode, text: Buffer.from(body, "base64").toString("utf8") }]] : [];
      });
      return { files: new Map(files), listens: lines.includes("listens"), enabled: lines.includes("enabled") };
    },
  };
}

/** A sentence for each thing that is not as declared. None tells a community. */
export function driftOfSnmp(mapping: Mapping, snmp: SnmpInputs | undefined, found: FoundSnmp): readonly string[] {
  const targets = targetsPath(mapping.name);
  if (!snmp) return found.files.has(targets) ? [`${targets} is of no use any more`] : [];
  return [
    ...wantedFiles(mapping, snmp).flatMap(({ path, mode, text }) => {
      const file = found.files.get(path);
      if (!file) return [`${path} is gone`];
      if (file.text !== text) return [`${path} is not as declared`];
      return file.mode === mode ? [] : [`${path} has mode ${file.mode}, not ${mode}`];
    }),
    ...(found.listens ? [] : [`nothing asks hosts by SNMP: ${SNMP_ADDRESS} does not listen`]),
    ...(found.enabled ? [] : ["pulumi-jail-snmp.socket is not enabled"]),
  ];
}

/** None when it is as declared. */
export function planSnmp(mapping: Mapping, snmp: SnmpInputs | undefined, found: FoundSnmp): readonly Step[] {
  if (driftOfSnmp(mapping, snmp, found).length === 0) return [];
  const { name } = mapping;
  if (!snmp) return [{ step: "edge-snmp-drop", args: [name], describe: `asking no snmpd for ${name} any more` }];
  const content = wantedFiles(mapping, snmp).map(({ text }) => `${Buffer.byteLength(text)}\n${text}`);
  return [{ step: "edge-snmp", args: [name], content: content.join(""), describe: `asking hosts' snmpd for ${name}` }];
}

const MARK = "pulumi-jail: shared by all port mappings of this host; what is changed here is drift";

function targetsPath(name: string): string {
  return `${SNMP_DIRECTORY}/targets/${name}`;
}

/** In the order of the step. A community may hold any byte, so it is written in hex. */
function wantedFiles(mapping: Mapping, { community, port }: SnmpInputs) {
  const hex = Buffer.from(community).toString("hex");
  const hosts = mapping.servers.filter((server) => agentOf(mapping, server)?.address === SNMP_ADDRESS);
  const targets = [...new Set(hosts.map(({ address }) => `${address} ${port} ${hex}\n`))].sort().join("");
  return [
    { path: SNMP_PROGRAM, mode: "755:root:root", text: snmpProgram() },
    { path: SNMP_SOCKET_PATH, mode: "644:root:root", text: renderSnmpSocket(MARK) },
    { path: SNMP_SERVICE_PATH, mode: "644:root:root", text: renderSnmpService(MARK, EDGE_USER) },
    { path: targetsPath(mapping.name), mode: `640:root:${EDGE_USER}`, text: targets },
  ];
}
