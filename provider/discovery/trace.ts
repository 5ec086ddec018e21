import type { LaunchSocket } from "../manifest/launch.ts";
import { parsePassed } from "./passed.ts";
import { type Call, parseStrace } from "./strace.ts";

/** A traced run of a unit: what the host noted down while it ran, and a strace log per Exec line. */
export interface Trace {
  readonly notes: TraceNotes;
  /** In the order of the unit's lines: `ExecStartPre`, `ExecStart`, `ExecReload`.. and its calls. */
  readonly commands: readonly { readonly key: string; readonly calls: readonly Call[] }[];
}

export type Phase = "start" | "probe" | "reload" | "stop";

export interface TraceNotes {
  /** The unit's own settings, drop-ins applied: Type, User, KillSignal, ExecStart.. */
  readonly unit: Readonly<Record<string, string>>;
  readonly main?: number;
  /** When each phase began, in seconds since the epoch, in order. */
  readonly phases: readonly { readonly phase: Phase | "end"; readonly time: number }[];
  /** `tcp 80 ::`, `unix /run/x.sock`. */
  readonly listens: readonly string[];
  /** Socket units whose descriptors it was started with. */
  readonly sockets: readonly LaunchSocket[];
  /** Packages that were put in for a second try. */
  readonly recommended: readonly string[];
  /** What each probe got: `80 ok http 200`. */
  readonly probes: readonly string[];
  /** RuntimeDirectory= and kin: `StateDirectory 0755 /var/lib/x`. */
  readonly declaredDirectories: readonly { readonly key: string; readonly mode: string; readonly path: string }[];
  /** Directories below /run while it ran. */
  readonly runtimeDirectories: ReadonlyMap<
    string,
    { readonly mode: string; readonly uid: number; readonly gid: number }
  >;
  readonly writeExecuteMemory: boolean;
}

/** Parses the sections that step-inspect.sh packs, less the inventory. */
export function parseTrace(sections: ReadonlyMap<string, string>): Trace {
  const commands = [...sections]
    .flatMap(([name, text]) => {
      const [, number, key] = /^(\d+)\.(Exec\w+)$/.exec(name) ?? [];
      return key === undefined ? [] : [{ number: Number(number), key, calls: parseStrace(text) }];
    })
    .sort((one, other) => one.number - other.number)
    .map(({ key, calls }) => ({ key, calls }));
  return { notes: parseNotes(sections.get("facts") ?? ""), commands };
}

/** The phase that a moment falls into. */
export function phaseAt(notes: TraceNotes, time: number): Phase {
  let found: Phase = "start";
  for (const { phase, time: begun } of notes.phases) if (time >= begun && phase !== "end") found = phase;
  return found;
}

function parseNotes(text: string): TraceNotes {
  const values = (key: string) =>
    text.split("\n").flatMap((line) => (line.startsWith(`${key}=`) ? [line.slice(key.length + 1)] : []));
  const main = values("main")[0];
  return {
    unit: Object.fromEntries([...text.matchAll(/^unit\.(\w+)=(.*)$/gm)].map(([, key, value]) => [key!, value!])),
    ...(main === undefined ? {} : { main: Number(main) }),
    phases: values("phase").map((value) => {
      const [phase, time] = value.split(" ");
      return { phase: phase as Phase | "end", time: Number(time) };
    }),
    listens: [...new Set(values("listen"))].sort(),
    sockets: parsePassed(values("passed")),
    probes: values("probe"),
    recommended: values("recommended").flatMap((value) => value.split(" ")),
    declaredDirectories: values("directory").map((value) => {
      const [, key, mode, path] = /^(\S+) (\S+) (.*)$/.exec(value) ?? [];
      return { key: key ?? "", mode: mode ?? "0755", path: path ?? "" };
    }),
    runtimeDirectories: new Map(
      values("runtime").map((value) => {
        const [, mode, uid, gid, path] = /^(\S+) (\d+) (\d+) (.*)$/.exec(value) ?? [];
        return [path ?? "", { mode: mode ?? "0755", uid: Number(uid), gid: Number(gid) }];
      }),
    ),
    writeExecuteMemory: values("writeExecuteMemory").length > 0,
  };
}
