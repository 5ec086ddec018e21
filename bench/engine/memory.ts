import { readdirSync, readFileSync } from "node:fs";

/** The high-water marks of provider processes, seen while they lived. */
export interface MemoryWatch {
  /** Ends the watch; bytes of each process, largest first. */
  stop(): readonly number[];
}

/**
 * Reads VmHWM (proc(5)) of every provider process whose environment holds `mark`, every 150 ms. The mark only grows, so
 * the last look before the end misses little. It takes processor time: nothing is timed meanwhile.
 */
export function watchProviderMemory(mark: string): MemoryWatch {
  const peaks = new Map<string, number>();
  const look = (): void => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (!isProvider(pid, mark)) continue;
      const kilobytes = Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
      peaks.set(pid, Math.max(kilobytes * 1024, peaks.get(pid) ?? 0));
    }
  };
  const timer = setInterval(look, 150);
  return {
    stop: () => {
      clearInterval(timer);
      return [...peaks.values()].sort((a, b) => b - a);
    },
  };
}

/** What pulumi-resource-pulumi-nodejs runs in Node; the shell around it is of no weight. */
function isProvider(pid: string, mark: string): boolean {
  const [program = "", ...words] = read(`/proc/${pid}/cmdline`).split("\0");
  const isDynamic = program.endsWith("node") && words.some((word) => word.includes("cmd/dynamic-provider"));
  return isDynamic && read(`/proc/${pid}/environ`).includes(mark);
}

function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
