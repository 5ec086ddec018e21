import type { Host } from "../host/host.ts";
import type { Question } from "../host/question.ts";
import { machine } from "../host/questions/machine.ts";
import type { Launch } from "../manifest/launch.ts";
import { parseSeeds } from "../manifest/parse.ts";
import { parseFragment } from "../nftables/fragment.ts";
import { parseOwner } from "../ownership/ownership.ts";
import { userName } from "../passwd/hosts.ts";
import { type Slot, slots } from "../ports/network.ts";
import { parseRegistry } from "../ports/registry.ts";
import { optionalFiles } from "./data-directories.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import type { Observed, ObservedFile, ObservedResponder, ObservedSlot, UnitState } from "./observed.ts";
import { parseProof } from "./proof.ts";

/** One round trip; `paths` are those of the jail that get bound over. */
export async function observeService(
  host: Host,
  inputs: Pick<
    JailedServiceInputs,
    "serviceName" | "jailName" | "generation" | "configFiles" | "volumes" | "connects" | "ports"
  >,
): Promise<Observed> {
  const [about, service] = await host.ask([machine(), serviceQuestion(inputs)]);
  return { machine: about, ...service };
}

type Service = Omit<Observed, "machine">;

/** The question behind `observeService`, apart for whoever asks more in the same round trip. */
export function serviceQuestion(inputs: Parameters<typeof observeService>[1]): Question<Service> {
  const { serviceName, jailName, generation } = inputs;
  const paths = [
    ...optionalFiles,
    ...Object.keys(inputs.configFiles ?? {}),
    ...Object.values(inputs.volumes ?? {}).map(({ jailPath }) => jailPath),
    ...Object.values(inputs.connects ?? {}).flatMap(({ jailPath }) =>
      jailPath ? [jailPath.replace(/\/[^/]*$/, "")] : [],
    ),
    ...Object.values(inputs.ports).flatMap(({ socket }) => (socket ? [socket.replace(/\/[^/]*$/, "")] : [])),
  ];
  return {
    ask: "service",
    args: [serviceName, jailName, generation || "-", userName(serviceName)],
    content: paths.map((path) => `${path}\n`).join(""),
    parse: (text) => parseService(serviceName, text),
  };
}

/** Exported for tests on captured text. */
export function parseService(serviceName: string, text: string): Service {
  const sections = parseSections(text);
  const content = (name: string) =>
    sections
      .get(name)
      ?.map((line) => `${line}\n`)
      .join("");
  const lines = (name: string) => sections.get(name) ?? [];
  const word = (name: string) => lines(name)[0];
  if (!sections.has("end")) throw new Error("the answer has no end");
  const launch = content("launch");
  const fragment = content("fragment");
  const [tree, ...treePaths] = lines("tree");
  const units = parseUnits(lines("units"));
  const unit = (name: string) => units.get(name) ?? {};
  const observedSlot = (slot: Slot): ObservedSlot => ({
    digest: word(`digest-${slot}`),
    written: lines(`digest-${slot}`)[1],
    started: word(`started-${slot}`),
    generation: word(`uses-${slot}`)?.split(" ")[1],
    unit: unit(`jailed-${serviceName}@${slot}.service`),
    networkUnit: unit(`jailed-${serviceName}@${slot}-net.service`),
    socketUnits: [...units].flatMap(([name, state]) =>
      name.startsWith(`jailed-${serviceName}@${slot}-`) && name.endsWith(".socket") ? [state] : [],
    ),
    dropIns: lines(`dropins-${slot}`).map((line) => line.split(" ").slice(4).join(" ")),
    network: Object.fromEntries(
      lines(`network-${slot}`).map((line) => [line.split(" ")[0] ?? "", line.split(" ")[1] ?? ""]),
    ),
    proof: sections.has(`proof-${slot}`) ? parseProof(lines(`proof-${slot}`)) : undefined,
    exposure: word(`exposure-${slot}`) === undefined ? undefined : Number(word(`exposure-${slot}`)),
  });
  return {
    found: parseOwner(content("owner")),
    mark: content("owner"),
    fragment,
    serving: fragment === undefined ? undefined : parseFragment(fragment),
    launch: launch === undefined ? undefined : (JSON.parse(launch) as Launch),
    seeds: word("seeds") === undefined ? [] : parseSeeds(word("seeds")!),
    tree,
    treePaths: new Map(treePaths.map((line) => [line.slice(line.indexOf(" ") + 1), line.slice(0, line.indexOf(" "))])),
    user: parseUser(word("user")),
    missing: lines("missing"),
    nameservers: lines("nameservers").map((line) => line.trim()),
    registry: parseRegistry(content("registry") ?? ""),
    files: new Map(lines("files").map(parseFile)),
    slots: Object.fromEntries(slots.map((slot) => [slot, observedSlot(slot)])) as Record<Slot, ObservedSlot>,
    enabled: new Set(lines("enabled")),
    rulesUnit: unit("pulumi-jail-rules.service"),
    table: sections.has("table") ? parseTable(lines("table")) : undefined,
    loadedTable: word("rules-sha256"),
    directories: new Map(
      lines("volumes").map((line) => [line.slice(line.indexOf(" ") + 1), Number(line.slice(0, line.indexOf(" ")))]),
    ),
    notEnforced: sections.get("not-enforced"),
    forwarding: new Set(lines("forwarding")),
    responder: parseResponder(lines("responder")),
    strangers: lines("strangers").map((line) => {
      const [protocol, port, name, pid] = line.split(" ");
      return { port: `${port}/${protocol}`, program: `${name}, pid ${pid}` };
    }),
  };
}

function parseResponder(lines: readonly string[]): ObservedResponder {
  const of = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  return {
    listens: new Set(of("listens")),
    enabled: new Set(of("enabled")),
    isPublished: lines.includes("published"),
    drains: new Set(of("drains")),
    dropIns: of("dropin"),
  };
}

/** Sections by name; one that is absent is not in the map. */
function parseSections(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.split("\n")) {
    if (line === "") continue;
    if (line.startsWith(" ")) {
      current.push(line.slice(1));
      continue;
    }
    const match = /^@(\S+)( absent)?$/.exec(line);
    if (!match) throw new Error(`${JSON.stringify(line.slice(0, 80))} is neither a section nor a line of one`);
    // Some sections come in parts, such as the files of the two slots.
    current = sections.get(match[1] ?? "") ?? [];
    if (!match[2]) sections.set(match[1] ?? "", current);
  }
  return sections;
}

function parseUnits(lines: readonly string[]): ReadonlyMap<string, UnitState> {
  const units = new Map<string, UnitState>();
  let current: Record<string, string> = {};
  for (const line of lines) {
    // systemctl parts units by an empty line.
    if (line === "") current = {};
    const at = line.indexOf("=");
    const key = line.slice(0, Math.max(at, 0));
    current[key] = line.slice(at + 1);
    if (key === "Id") units.set(line.slice(at + 1), current);
  }
  return units;
}

function parseUser(line: string | undefined): Observed["user"] {
  const fields = line?.split(":");
  return fields && { uid: Number(fields[2]), gid: Number(fields[3]), gecos: fields[4] ?? "" };
}

function parseFile(line: string): readonly [string, ObservedFile] {
  const [sha256 = "", mode = "", uid, , ...path] = line.split(" ");
  return [path.join(" "), { sha256, mode, uid: Number(uid) }];
}

function parseTable(lines: readonly string[]): NonNullable<Observed["table"]> {
  const [first = "", ...elements] = lines;
  return { sha256: first.replace(/^sha256 /, ""), elements: new Set(elements) };
}
