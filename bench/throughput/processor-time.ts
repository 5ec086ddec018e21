import type { TestHost } from "../../dev/hosts/index.ts";

/** The kernel's clock ticks in proc(5): 100 a second on every Linux that Debian builds. */
const TICK_MS = 10;

/**
 * Processor time that a unit's main process and its children have used so far, in milliseconds; children that have
 * ended are in it, as their parent has waited for them.
 */
export async function processorTime(host: TestHost, unitName: string): Promise<number> {
  const { stdout } = await host.exec(["sh", "-c", script, "sh", unitName]);
  const [main = "", ...children] = stdout.trim().split("\n");
  return (ticksOf(main, 4) + children.reduce((sum, line) => sum + ticksOf(line, 2), 0)) * TICK_MS;
}

/** Sum of the first so many of utime, stime, cutime and cstime in a line of /proc/PID/stat (proc(5)). */
export function ticksOf(stat: string, fields: 2 | 4): number {
  // The second field is the program's name in brackets, which may hold anything.
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = afterName.slice(11, 11 + fields).map(Number);
  if (ticks.length !== fields || ticks.some(Number.isNaN)) throw new Error(`no line of /proc/PID/stat: ${stat}`);
  return ticks.reduce((sum, count) => sum + count, 0);
}

const script = `set -eu
main=$(systemctl show --property=MainPID --value "$1")
cat "/proc/$main/stat"
for child in $(pgrep --parent "$main"); do cat "/proc/$child/stat" 2>/dev/null || true; done`;
