import { FakeExit, type FakeQuestion, type FakeState, type FakeStep, type FakeUnit } from "./fake-host.ts";

/** The generic question about units, on a fake host. */
export const unitQuestions: Readonly<Record<string, FakeQuestion>> = {
  units: (state, [properties, ...names]) =>
    new Map(names.map((name) => [name, propertiesOf(state, name, properties!.split(","))])),
};

/** The generic steps on units: PID 1 knows a unit file's text as of its last daemon-reload, as the real one does. */
export const unitSteps: Readonly<Record<string, FakeStep>> = {
  "daemon-reload": (state) => {
    for (const [path, file] of state.files) {
      const name = unitOf(path);
      if (name === undefined || file.type !== "file") continue;
      const known = state.units.get(name);
      state.units.set(name, { ...(known ?? absentUnit), loadState: "loaded", loadedText: file.content ?? "" });
    }
    for (const [name, unit] of [...state.units]) {
      if (state.files.has(unitDirectory + name) || !unit.loadedText) continue;
      if (unit.activeState === "active") state.units.set(name, { ...unit, loadState: "not-found", enabled: false });
      else state.units.delete(name);
    }
  },
  "enable-unit": (state, [name]) => {
    const unit = state.units.get(name!);
    if (!state.files.has(unitDirectory + name) && unit?.loadState !== "loaded")
      throw new FakeExit(1, `Unit file ${name} does not exist.`);
    state.units.set(name!, { ...(unit ?? absentUnit), enabled: true });
  },
  "disable-unit": (state, [name]) => {
    const unit = state.units.get(name!);
    if (unit !== undefined) state.units.set(name!, { ...unit, enabled: false });
  },
  "start-unit": (state, [name]) => start(state, name!, false),
  "restart-unit": (state, [name]) => start(state, name!, true),
  "reload-unit": (state, [name]) => {
    if (state.units.get(name!)?.activeState !== "active")
      throw new FakeExit(1, `${name} is not active, cannot reload.`);
  },
  "stop-unit": (state, [name]) => {
    const unit = state.units.get(name!);
    if (unit === undefined) return;
    const stopped: FakeUnit = { ...unit, activeState: "inactive", mainPid: 0, startedText: undefined };
    if (unit.loadState === "not-found") state.units.delete(name!);
    else state.units.set(name!, stopped);
  },
};

const unitDirectory = "/etc/systemd/system/";

const absentUnit: FakeUnit = {
  loadState: "not-found",
  activeState: "inactive",
  enabled: false,
  loadedText: "",
  mainPid: 0,
  starts: 0,
};

function unitOf(path: string): string | undefined {
  const name = path.startsWith(unitDirectory) ? path.slice(unitDirectory.length) : "";
  return /^[^/]+\.(service|socket|timer|target)$/.test(name) ? name : undefined;
}

function start(state: FakeState, name: string, again: boolean): void {
  // A unit that PID 1 has not met yet is read from disk without a daemon-reload.
  const text = state.files.get(unitDirectory + name)?.content;
  const known = state.units.get(name);
  const unit: FakeUnit | undefined =
    known?.loadState === "loaded" || text === undefined
      ? known
      : { ...(known ?? absentUnit), loadState: "loaded", loadedText: text };
  if (unit === undefined || unit.loadState === "not-found") throw new FakeExit(5, `Unit ${name} not found.`);
  if (unit.activeState === "active" && !again) return;
  state.units.set(name, {
    ...unit,
    activeState: "active",
    mainPid: state.nextPid++,
    starts: unit.starts + 1,
    startedText: unit.loadedText,
  });
}

function propertiesOf(state: FakeState, name: string, asked: readonly string[]): ReadonlyMap<string, string> {
  const unit = state.units.get(name) ?? absentUnit;
  const text = state.files.get(unitDirectory + name)?.content;
  const all: Record<string, string> = {
    Id: name,
    LoadState: unit.loadState,
    ActiveState: unit.activeState,
    SubState: unit.activeState === "active" ? "running" : unit.activeState === "failed" ? "failed" : "dead",
    UnitFileState: text === undefined ? "" : unit.enabled ? "enabled" : "disabled",
    FragmentPath: unit.loadState === "loaded" ? unitDirectory + name : "",
    DropInPaths: "",
    NeedDaemonReload: unit.loadState === "loaded" && text !== unit.loadedText ? "yes" : "no",
    MainPID: String(unit.mainPid),
    NRestarts: "0",
    ActiveEnterTimestampMonotonic: String(unit.starts),
    InvocationID: unit.starts > 0 ? `${name}-${unit.starts}` : "",
    Result: unit.activeState === "failed" ? "exit-code" : "success",
    ExecMainStatus: "0",
    ...unit.properties,
  };
  return new Map(asked.map((property) => [property, all[property] ?? ""]));
}
