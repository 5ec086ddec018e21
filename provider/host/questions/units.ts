import type { Question } from "../question.ts";

/** A unit's properties by the names that `systemctl show` gives them. */
export type UnitProperties = ReadonlyMap<string, string>;

/** What is always asked. */
export const unitProperties = [
  "Id",
  "LoadState",
  "ActiveState",
  "SubState",
  "UnitFileState",
  "FragmentPath",
  "DropInPaths",
  "NeedDaemonReload",
  "MainPID",
  "NRestarts",
  "ActiveEnterTimestampMonotonic",
  "InvocationID",
  "Result",
  "ExecMainStatus",
] as const;

/** Asks for properties of units; a unit that does not exist has the LoadState `not-found`. */
export function units(
  names: readonly string[],
  more: readonly string[] = [],
): Question<ReadonlyMap<string, UnitProperties>> {
  const properties = [...new Set([...unitProperties, ...more])].join(",");
  return { ask: "units", args: [properties, ...names], parse: (text) => parseUnits(names, text) };
}

function parseUnits(names: readonly string[], text: string): ReadonlyMap<string, UnitProperties> {
  const blocks = text.split("\n\n").map((block) => block.split("\n").filter((line) => line !== ""));
  const full = blocks.filter((block) => block.length > 0);
  if (full.length !== names.length) throw new Error(`${full.length} units for ${names.length} names`);
  return new Map(names.map((name, index) => [name, parseProperties(full[index]!)]));
}

/** A property with several values, such as ExecStart=, comes as several lines. */
function parseProperties(lines: readonly string[]): UnitProperties {
  const properties = new Map<string, string>();
  for (const line of lines) {
    const at = line.indexOf("=");
    if (at < 1) throw new Error(`"${line}" is no property`);
    const name = line.slice(0, at);
    const value = line.slice(at + 1);
    const before = properties.get(name);
    properties.set(name, before === undefined ? value : `${before}\n${value}`);
  }
  return properties;
}
