import { createHash } from "node:crypto";
import { bindElement, parseForwardMark } from "../../provider/nftables/forward.ts";
import type { Forwarding } from "../../provider/port-mapping/forward-observe.ts";
import { RULES_UNIT, sharedRulesFiles } from "../../provider/systemd/rules-unit.ts";
import { FakeExit, type FakeHost, type FakeState } from "./fake-host.ts";

/** The kernel's table of a fake host, and what else has a port there. */
export interface FakeKernel {
  /** What is loaded: the rules by name; undefined without a table. */
  loaded: Map<string, string> | undefined;
  changed: boolean;
  closed: string[];
  listeners: Forwarding["listeners"];
  services: Forwarding["services"];
  foreign: string[];
  /** Text which nft refuses. */
  poison: string | undefined;
}

const FORWARDS = "/var/lib/pulumi-jail/edge/forwards";
const SETTINGS = "/etc/sysctl.d/60-pulumi-jail-forwards.conf";

/** Adds questions and steps of forwarded ports to a fake host. */
export function withForwards<Host extends FakeHost>(host: Host): Host & { readonly kernel: FakeKernel } {
  const { state } = host;
  const kernel: FakeKernel = {
    loaded: undefined,
    changed: false,
    closed: [],
    listeners: [],
    services: [],
    foreign: [],
    poison: undefined,
  };
  host.questions["forward"] = (_: FakeState, args: readonly string[]) => observe(state, kernel, args[2] ?? "");
  Object.assign(host.steps, {
    "forward-shared-files": () => {
      for (const { path, mode, content } of sharedRulesFiles)
        state.files.set(path, { type: "file", mode, owner: "root:root", content });
    },
    "service-enable": (_: FakeState, names: readonly string[]) => {
      for (const name of names) state.files.set(wantsOf(name), { type: "link", mode: "0777", owner: "root:root" });
    },
    "forward-put": (_: FakeState, [name, oldName, guard]: readonly string[], content: string | undefined) => {
      if (guardOf(state) !== guard) throw new FakeExit(79, "another run changed the forwards of this host meanwhile");
      if (kernel.poison !== undefined && content?.includes(kernel.poison)) throw new FakeExit(65, "nft refuses");
      state.files.set(`${FORWARDS}/${name}.rules`, {
        type: "file",
        mode: "0600",
        owner: "root:root",
        content: content ?? "",
      });
      if (oldName !== "-") state.files.delete(`${FORWARDS}/${oldName}.rules`);
      state.files.set(SETTINGS, { type: "file", mode: "0644", owner: "root:root", content: "" });
      load(state, kernel);
    },
    "forward-drop": (_: FakeState, [name]: readonly string[]) => {
      state.files.delete(`${FORWARDS}/${name}.rules`);
      load(state, kernel);
      if (rulesOf(state).length > 0) return;
      kernel.loaded = undefined;
      for (const path of [SETTINGS, wantsOf(RULES_UNIT), ...sharedRulesFiles.map((file) => file.path)])
        state.files.delete(path);
      state.units.delete(RULES_UNIT);
    },
  });
  return Object.assign(host, { kernel });
}

function observe(state: FakeState, kernel: FakeKernel, element: string): Forwarding {
  const files = sharedRulesFiles.flatMap(({ path }) => {
    const file = state.files.get(path);
    return file ? [[path, { mode: modeOf(file), sha256: hash(file.content ?? "") }] as const] : [];
  });
  const marks = [...(kernel.loaded?.values() ?? [])].filter((text) => text.includes("add element"));
  return {
    guard: guardOf(state),
    forwards: rulesOf(state).map(([name, text, mode]) => ({ name, mode, text, mark: parseForwardMark(text) })),
    missing: [],
    stale: [],
    files: new Map(files),
    unit: {
      UnitFileState: state.files.has(wantsOf(RULES_UNIT)) ? "enabled" : "",
      ActiveState: kernel.loaded ? "active" : "inactive",
      NeedDaemonReload: "no",
    },
    table: kernel.loaded ? (kernel.changed ? "changed" : "loaded") : "absent",
    led: marks.some((text) => bindElement(parseForwardMark(text)!) === element),
    closed: kernel.closed,
    settled: rulesOf(state).length === 0 || state.files.has(SETTINGS),
    listeners: kernel.listeners,
    services: kernel.services,
    foreign: kernel.foreign,
  };
}

function load(state: FakeState, kernel: FakeKernel): void {
  kernel.loaded = new Map(rulesOf(state).map(([name, text]) => [name, text]));
  kernel.changed = false;
  kernel.closed = [];
}

function rulesOf(state: FakeState): readonly (readonly [string, string, string])[] {
  return [...state.files]
    .filter(([path]) => path.startsWith(`${FORWARDS}/`) && path.endsWith(".rules"))
    .map(
      ([path, file]) => [path.slice(FORWARDS.length + 1, -".rules".length), file.content ?? "", modeOf(file)] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function modeOf(file: { readonly mode: string; readonly owner: string }): string {
  return `${file.mode.replace(/^0/, "")}:${file.owner}`;
}

function guardOf(state: FakeState): string {
  return hash(JSON.stringify(rulesOf(state)));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function wantsOf(unit: string): string {
  return `/etc/systemd/system/multi-user.target.wants/${unit}`;
}
