import { type Call, unquote, unquoteArray } from "./strace.ts";
import type { Trace } from "./trace.ts";

/** The daemon without its wrappers: how it was executed, and all that it and its descendants did from there on. */
export interface Daemon {
  readonly exec: Execution;
  readonly calls: readonly Call[];
  /** What ran before in the same command: wrappers, and what those called. */
  readonly before: readonly Call[];
  /** The main process is a descendant of the one that was executed: it has put itself into the background. */
  readonly forked: boolean;
  /** Who the wrappers had made it before they executed it; undefined when they changed nothing. */
  readonly uid?: number;
  readonly gid?: number;
}

export interface Execution {
  readonly path: string;
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly pid: number;
}

/**
 * Finds the last execve of the main process, or of the ancestor that forked it (a daemon that puts itself into the
 * background). What came before is a wrapper: apachectl and catalina.sh, with their shells, fall out by themselves.
 */
export function findDaemon(trace: Trace): Daemon | undefined {
  for (const { key, calls } of trace.commands) {
    if (key !== "ExecStart" || calls.length === 0) continue;
    const found = findIn(
      calls,
      trace.notes.main,
      trace.notes.phases.find(({ phase }) => phase === "reload" || phase === "stop")?.time,
    );
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The execution that a call stands for. */
export function executionOf(call: Call): Execution | undefined {
  const [path, argv, environment] = call.name === "execveat" ? call.args.slice(1) : call.args;
  const text = unquote(path);
  if (text === undefined) return undefined;
  return { path: text, argv: unquoteArray(argv), environment: unquoteArray(environment), pid: call.pid };
}

/** The process that a call made, if it made one. */
export function childOf(call: Call): number | undefined {
  return forks.has(call.name) && /^\d+/.test(call.result) ? Number.parseInt(call.result, 10) : undefined;
}

const forks: ReadonlySet<string> = new Set(["clone", "clone3", "fork", "vfork"]);

/** `over` is when the start and the probe were over: some daemons execute themselves anew to reload. */
function findIn(
  calls: readonly Call[],
  main: number | undefined,
  over: number = Number.POSITIVE_INFINITY,
): Daemon | undefined {
  // The main process is not known of a unit that ends by itself: then it is the first one.
  let pid = main ?? calls[0]!.pid;
  if (!calls.some((call) => call.pid === pid || childOf(call) === pid)) return undefined;
  const after = calls.findIndex((call) => call.time >= over);
  let until = after < 0 ? calls.length : after;
  for (;;) {
    const start = lastExecution(calls, until, pid);
    if (start >= 0) {
      const exec = executionOf(calls[start]!);
      if (exec === undefined) return undefined;
      const tree = descendantsFrom(calls, pid, start);
      const mine = (call: Call, index: number) => (call.pid === pid ? index >= start : tree.has(call.pid));
      return {
        exec,
        calls: calls.filter(mine),
        before: calls.filter((call, index) => !mine(call, index)),
        forked: main !== undefined && pid !== main,
        ...identityAt(calls, start, pid),
      };
    }
    const fork = calls.findIndex((call) => childOf(call) === pid);
    if (fork < 0) return undefined;
    pid = calls[fork]!.pid;
    until = fork;
  }
}

/** Effective ids at an execution, as calls of the process or its ancestors had changed them: `su`, perl's `$>`. */
function identityAt(calls: readonly Call[], until: number, pid: number): Pick<Daemon, "uid" | "gid"> {
  const lineage = new Map([[pid, until]]);
  for (let index = until - 1; index >= 0; index--) {
    const child = childOf(calls[index]!);
    if (child !== undefined && lineage.has(child) && !lineage.has(calls[index]!.pid))
      lineage.set(calls[index]!.pid, index);
  }
  const found: { uid?: number; gid?: number } = {};
  calls.slice(0, until).forEach((call, index) => {
    const [, kind] = /^set(?:res|re)?([ug]id)$/.exec(call.name) ?? [];
    if (kind === undefined || index >= (lineage.get(call.pid) ?? -1)) return;
    const effective = call.args[call.args.length > 1 ? 1 : 0];
    if (effective !== undefined && effective !== "-1") found[kind as "uid" | "gid"] = Number(effective);
  });
  return found;
}

/** The last program that a process became; of one that executed itself again, the first time. */
function lastExecution(calls: readonly Call[], until: number, pid: number): number {
  let found = -1;
  for (let index = until - 1; index >= 0; index--) {
    const call = calls[index]!;
    if (call.pid !== pid || !call.name.startsWith("execve")) continue;
    if (found >= 0 && executionOf(calls[found]!)?.path !== executionOf(call)?.path) break;
    found = index;
  }
  return found;
}

/** A fork is logged when it returns, so a child's first calls may stand before it: go by pid, not by place. */
function descendantsFrom(calls: readonly Call[], pid: number, start: number): ReadonlySet<number> {
  const children = new Map<number, number[]>();
  calls.forEach((call, index) => {
    const child = childOf(call);
    if (child === undefined || (call.pid === pid && index < start)) return;
    children.set(call.pid, [...(children.get(call.pid) ?? []), child]);
  });
  const found = new Set<number>();
  const queue = [...(children.get(pid) ?? [])];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (found.has(next)) continue;
    found.add(next);
    queue.push(...(children.get(next) ?? []));
  }
  return found;
}
