import { createHash, X509Certificate } from "node:crypto";
import { parseFragment } from "../../provider/haproxy/fragment.ts";
import { renderAddress } from "../../provider/haproxy/mapping.ts";
import { EDGE_CERTIFICATES, EDGE_CONFIGURATION } from "../../provider/haproxy/paths.ts";
import type { RunningServer } from "../../provider/haproxy/running.ts";
import { parseForwardMark } from "../../provider/nftables/forward.ts";
import { parseAddresses } from "../../provider/port-mapping/address-observe.ts";
import type { FoundJail } from "../../provider/port-mapping/jail.ts";
import type { Edge, FoundFile } from "../../provider/port-mapping/observed.ts";
import { EDGE_DIRECTORY, EDGE_UNIT, EDGE_UNIT_PATH } from "../../provider/port-mapping/unit.ts";
import { createFakeHost, FakeExit, type FakeHost, type FakeState } from "./fake-host.ts";
import { addFakeSnmp, dropFakeSnmp } from "./fake-snmp.ts";

/** A fake host whose edge has a proxy that reads its configuration and obeys the runtime API as the real one does. */
export interface FakeEdge extends FakeHost {
  readonly edge: FakeProxy;
}

type Servers = Map<string, Map<string, RunningServer>>;

export interface FakeProxy {
  running: { readonly description: string; readonly servers: Servers } | undefined;
  /** Starts and reloads; a change by the runtime API adds none. */
  workers: number;
  user: boolean;
  findings: FoundJail["findings"];
  dropIns: string[];
  /** A program that holds a port beside the proxy. */
  strangers: Edge["strangers"];
  /** What it serves, by path. */
  readonly certificates: Map<string, string>;
  /** Text which the proxy refuses, as `haproxy -c` would. */
  poison: string | undefined;
  /** Servers whose checks do not pass. */
  readonly sick: Set<string>;
  /** Addresses of hosts whose responder does not answer. */
  readonly silent: Set<string>;
}

export const FAKE_DIGEST = "0123456789abcdef";

const CONFIGURATION = `${EDGE_CONFIGURATION}/haproxy.cfg`;

/** An edge whose jail has been built already: building one is discovery's and generation's, with tests of their own. */
export function createFakeEdge(): FakeEdge {
  const host = createFakeHost("edge");
  const edge: FakeProxy = {
    running: undefined,
    workers: 0,
    user: false,
    findings: [],
    dropIns: [],
    strangers: [],
    certificates: new Map(),
    poison: undefined,
    sick: new Set(),
    silent: new Set(),
  };
  addFakeSnmp(host);
  const { state } = host;
  host.questions["edge"] = () => observe(state, edge);
  host.questions["edge-jail"] = (): FoundJail => ({ digest: FAKE_DIGEST, findings: edge.findings, stale: [] });
  host.questions["edge-address"] = () => parseAddresses("interface eth0\nheld 192.0.2.7/24 eth0\n");
  host.questions["edge-exposure"] = () => (state.files.has(EDGE_UNIT_PATH) ? 1.4 : undefined);
  Object.assign(host.steps, {
    "edge-user": () => {
      edge.user = true;
    },
    "edge-validate": (_: FakeState, [, bytes]: readonly string[], content = "") => {
      if (edge.poison !== undefined && content.includes(edge.poison)) throw new FakeExit(65, `[ALERT] ${edge.poison}`);
      expectCertificates(state, content.slice(Number(bytes)), 65);
    },
    "edge-admit": (_: FakeState, [guard]: readonly string[], content: string | undefined) => {
      expectGuard(state, guard!);
      obey(edge, content ?? "");
    },
    "edge-await": (_: FakeState, [backend, , ...names]: readonly string[]) => {
      const servers = edge.running?.servers.get(backend!);
      if (!names.some((name) => servers?.get(name)?.healthy))
        throw new FakeExit(1, `no check has passed of ${names.join(" ")}: what served before serves on`);
    },
    "edge-drain": (_: FakeState, [backend, , ...names]: readonly string[]) =>
      obey(edge, names.map((name) => `set server ${backend}/${name} state drain\n`).join("")),
    "edge-linger": () => {},
    "edge-commit": (_: FakeState, args: readonly string[], content: string | undefined) =>
      commit(state, edge, args, content ?? ""),
    "edge-take-down": (_: FakeState, [name, guard]: readonly string[]) => takeDown(state, edge, name!, guard!),
    "generation-mend": () => {
      edge.findings = [];
    },
  });
  const remove = host.steps["remove-file"]!;
  host.steps["remove-file"] = (fake, args, content) => {
    edge.dropIns = edge.dropIns.filter((path) => path !== args[0]);
    remove(fake, args, content);
  };
  return Object.assign(host, { edge });
}

/** Changes one server of the running proxy, as an operator at the socket would. */
export function tamper(edge: FakeProxy, backend: string, name: string, change: Partial<RunningServer>): void {
  const servers = edge.running!.servers.get(backend)!;
  servers.set(name, { ...servers.get(name)!, ...change });
}

function observe(state: FakeState, edge: FakeProxy): Edge {
  const unit = state.units.get(EDGE_UNIT);
  return {
    guard: guardOf(state),
    fragments: fragmentsOf(state).map(([name, file]) => ({ name, ...file, fragment: parseFragment(file.text) })),
    configuration: fileOf(state, CONFIGURATION),
    unitFile: fileOf(state, EDGE_UNIT_PATH),
    unit: {
      UnitFileState: state.files.has(EDGE_UNIT_PATH) ? (unit?.enabled ? "enabled" : "disabled") : "",
      DropInPaths: edge.dropIns.join(" "),
      NeedDaemonReload: unit && unit.loadedText !== state.files.get(EDGE_UNIT_PATH)?.content ? "yes" : "no",
    },
    user: edge.user ? "pulumi-jail-edge:x:998:998:pulumi-jail edge:/:/usr/sbin/nologin" : undefined,
    strangers: edge.strangers,
    proxy: edge.running,
    forwards: forwardsOf(state),
    certificates: certificatesOf(state, edge),
    outOfJail: [],
  };
}

function forwardsOf(state: FakeState): Edge["forwards"] {
  const paths = [...state.files.keys()].filter((path) => /\/edge\/forwards\/[^/]+\.rules$/.test(path));
  return paths.flatMap((path) => parseForwardMark(state.files.get(path)?.content ?? "") ?? []);
}

function certificatesOf(state: FakeState, edge: FakeProxy): Edge["certificates"] {
  const paths = [...state.files.keys()].filter((path) => path.startsWith(`${EDGE_CERTIFICATES}/`));
  return new Map(
    paths.map((path) => {
      const file = fileOf(state, path)!;
      const served = edge.running && edge.certificates.get(path);
      return [
        path.slice(EDGE_CERTIFICATES.length + 1),
        {
          mode: file.mode,
          sha256: createHash("sha256").update(file.text).digest("hex"),
          ...(served ? { served: fingerprintOf(served) } : {}),
        },
      ];
    }),
  );
}

function fingerprintOf(pem: string): string {
  return new X509Certificate(pem).fingerprint.replaceAll(":", "").toLowerCase();
}

function fragmentsOf(state: FakeState): readonly (readonly [string, FoundFile])[] {
  return [...state.files.keys()]
    .filter((path) => path.startsWith(`${EDGE_DIRECTORY}/mappings/`) && path.endsWith(".json"))
    .sort()
    .map((path) => [path.slice(path.lastIndexOf("/") + 1, -".json".length), fileOf(state, path)!] as const);
}

function fileOf(state: FakeState, path: string): FoundFile | undefined {
  const file = state.files.get(path);
  return file && { mode: `${file.mode.replace(/^0/, "")}:${file.owner}`, text: file.content ?? "" };
}

function guardOf(state: FakeState): string {
  return createHash("sha256")
    .update(JSON.stringify([fragmentsOf(state), certificateTexts(state)]))
    .digest("hex");
}

function certificateTexts(state: FakeState): readonly (readonly [string, string])[] {
  return [...state.files.keys()]
    .filter((path) => path.startsWith(`${EDGE_CERTIFICATES}/`) && path.endsWith(".pem"))
    .sort()
    .map((path) => [path, state.files.get(path)?.content ?? ""]);
}

/** Each file that a list names has to be there, with a certificate in it. */
function expectCertificates(state: FakeState, bundle: string, code: number): void {
  const texts = new Map(certificateTexts(state));
  for (const [, name, text] of bundle.matchAll(/^file (\S+\.pem) \d+\n([\s\S]*?)(?=^file |^keep |$(?![\s\S]))/gm))
    texts.set(`${EDGE_CERTIFICATES}/${name}`, text!);
  for (const [, path] of bundle.matchAll(/^(\/\S+\.pem) \[/gm))
    if (!texts.get(path!)?.includes("-----BEGIN CERTIFICATE-----"))
      throw new FakeExit(code, `[ALERT] unable to load certificate from ${path}`);
}

function expectGuard(state: FakeState, guard: string): void {
  if (guardOf(state) !== guard) throw new FakeExit(79, "another run changed the mappings of this edge meanwhile");
}

function commit(state: FakeState, edge: FakeProxy, args: readonly string[], content: string): string {
  const [name, oldName, guard, how, , fragmentBytes, configurationBytes, bundleBytes, ...renewals] = args;
  expectGuard(state, guard!);
  if (!state.files.has(EDGE_UNIT_PATH)) throw new FakeExit(79, "another run took this edge down meanwhile");
  const fragmentEnd = Number(fragmentBytes);
  const end = fragmentEnd + Number(configurationBytes);
  const bundleEnd = end + Number(bundleBytes);
  const write = (path: string, mode: string, text: string) =>
    state.files.set(path, { type: "file", mode, owner: "root:root", content: text });
  const path = `${EDGE_DIRECTORY}/mappings/${name}.json`;
  if (fragmentEnd > 0) write(path, "0600", content.slice(0, fragmentEnd));
  else {
    state.files.delete(path);
    dropFakeSnmp(state, name!);
  }
  if (oldName !== "-") {
    state.files.delete(`${EDGE_DIRECTORY}/mappings/${oldName}.json`);
    dropFakeSnmp(state, oldName!);
  }
  write(CONFIGURATION, "0644", content.slice(fragmentEnd, end));
  unbundle(state, content.slice(end, bundleEnd));
  if (how === "start" || how === "reload") {
    expectCertificates(state, content.slice(end, bundleEnd), 66);
    load(state, edge);
  }
  if (how === "runtime") {
    obey(edge, content.slice(bundleEnd));
    for (const file of renewals) serve(state, edge, `${EDGE_CERTIFICATES}/${file}`);
  }
  return "10 0\n";
}

function unbundle(state: FakeState, bundle: string): void {
  const named = new Set<string>();
  for (let rest = bundle; rest !== ""; ) {
    const [line, word, name, bytes] = /^(file|keep) (\S+)(?: (\d+))?\n/.exec(rest)!;
    const end = line.length + Number(bytes ?? 0);
    const path = `${EDGE_CERTIFICATES}/${name}`;
    named.add(path);
    const kept = state.files.get(path);
    if (word === "keep" && kept) state.files.set(path, { ...kept, mode: "0640", owner: "root:pulumi-jail-edge" });
    if (word === "file")
      state.files.set(path, {
        type: "file",
        mode: "0640",
        owner: "root:pulumi-jail-edge",
        content: rest.slice(line.length, end),
      });
    rest = rest.slice(end);
  }
  for (const path of [...state.files.keys()])
    if (path.startsWith(`${EDGE_CERTIFICATES}/`) && !named.has(path)) state.files.delete(path);
}

function serve(state: FakeState, edge: FakeProxy, path: string): void {
  const text = state.files.get(path)?.content;
  if (text?.includes("-----BEGIN CERTIFICATE-----")) edge.certificates.set(path, text);
}

function takeDown(state: FakeState, edge: FakeProxy, name: string, guard: string): void {
  expectGuard(state, guard);
  if (fragmentsOf(state).some(([other]) => other !== name)) throw new FakeExit(79, "another mapping came meanwhile");
  edge.running = undefined;
  edge.user = false;
  dropFakeSnmp(state, name);
  edge.dropIns = [];
  for (const path of [...state.files.keys()])
    if (path === EDGE_UNIT_PATH || path.startsWith(EDGE_DIRECTORY)) state.files.delete(path);
  state.units.delete(EDGE_UNIT);
}

/** What a new worker makes of the file. */
function load(state: FakeState, edge: FakeProxy): void {
  const text = state.files.get(CONFIGURATION)!.content!;
  const servers = new Map<string, Map<string, RunningServer>>();
  let backend: Map<string, RunningServer> | undefined;
  for (const line of text.split("\n").map((part) => part.trim())) {
    const [word, name] = line.split(" ");
    if (word === "backend") {
      backend = new Map();
      servers.set(name!, backend);
    }
    if (word === "server") backend!.set(name!, serverOf(edge, line.slice("server ".length)));
  }
  edge.certificates.clear();
  for (const path of state.files.keys())
    if (path.startsWith(`${EDGE_CERTIFICATES}/`) && /\.\d+\.pem$/.test(path)) serve(state, edge, path);
  edge.running = { description: /^ *description (.*)$/m.exec(text)![1]!, servers };
  edge.workers++;
}

/** `NAME ADDRESS:PORT weight N ... [disabled]`. */
function serverOf(edge: FakeProxy, line: string): RunningServer {
  const [name, at, , weight, ...options] = line.split(" ");
  const [, address, port] = /^\[?(.*?)\]?:(\d+)$/.exec(at!)!;
  return {
    name: name!,
    address: address!,
    port: Number(port),
    weight: Number(weight),
    admin: options.includes("disabled") ? "maint" : "ready",
    healthy: !edge.sick.has(renderAddress(address!, Number(port))),
    ...(options.includes("agent-port")
      ? {
          agent: {
            port: Number(options[options.indexOf("agent-port") + 1]),
            asked: true,
            initialWeight: Number(weight),
          },
        }
      : {}),
  };
}

function obey(edge: FakeProxy, commands: string): void {
  for (const command of commands.split("\n").filter((line) => line !== "")) {
    if (agentCommand(edge, command)) continue;
    const [, backend, name, rest] = /^(?:\w+ ){2}([^/ ]+)\/([^ ]+) ?(.*)$/.exec(
      command.replace(
        /^(enable health|shutdown sessions server) /,
        (word) => `${word.split(" ").slice(0, 2).join(" ")} `,
      ),
    ) ?? [undefined, undefined, undefined, ""];
    const servers = backend === undefined ? undefined : edge.running?.servers.get(backend);
    if (!servers || name === undefined) continue;
    const there = servers.get(name);
    if (command.startsWith("add server")) servers.set(name, added(serverOf(edge, `${name} ${rest}`)));
    else if (command.startsWith("del server") && there?.admin === "maint") servers.delete(name);
    else if (command.startsWith("set server") && there) servers.set(name, changed(there, rest!));
  }
}

/** It comes in maintenance, and nobody is asked about it yet. */
function added(server: RunningServer): RunningServer {
  return { ...server, admin: "maint", ...(server.agent ? { agent: { ...server.agent, asked: false } } : {}) };
}

/** `disable agent` and `try agent`, which lib-edge.sh makes `enable agent` where a responder answers. */
function agentCommand(edge: FakeProxy, command: string): boolean {
  const match = /^(disable|try) agent (?:(\S+) \d+ \S+ )?([^/]+)\/(\S+)$/.exec(command);
  if (!match) return false;
  const [, word, address, backend, name] = match;
  const server = edge.running?.servers.get(backend!)?.get(name!);
  const answers = word === "try" && !edge.silent.has(address!);
  if (server?.agent && (word === "disable" || answers))
    tamper(edge, backend!, name!, { agent: { ...server.agent, asked: word === "try" } });
  return true;
}

function changed(server: RunningServer, words: string): RunningServer {
  const [key, value, , port] = words.split(" ");
  if (key === "weight") return { ...server, weight: Number(value) };
  if (key === "addr") return { ...server, address: value!, port: Number(port) };
  return { ...server, admin: value as RunningServer["admin"] };
}
