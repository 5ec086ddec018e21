import type { LaunchUser } from "../manifest/launch.ts";

/**
 * The jail's own passwd: root, which nobody can log in as, and the names that the unit and its configuration use, all
 * with the service's uid. Never the host's file.
 */
export function renderPasswd(users: readonly LaunchUser[], uid: number, gid: number): string {
  const lines = users.map(({ name, home }) => `${field(name)}:x:${uid}:${gid}::${field(home)}:/usr/sbin/nologin`);
  return ["root:x:0:0::/root:/usr/sbin/nologin", ...unique(lines)].join("\n") + "\n";
}

/** The jail's own group file, by the same rule. */
export function renderGroup(users: readonly LaunchUser[], gid: number): string {
  const names = users.flatMap(({ group, groups = [] }) => [group, ...groups]);
  return ["root:x:0:", ...unique(names.map((name) => `${field(name)}:x:${gid}:`))].join("\n") + "\n";
}

function unique(lines: readonly string[]): readonly string[] {
  return [...new Set(lines)].filter((line) => !line.startsWith("root:"));
}

function field(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused
  if (/[:\x00-\x1f]/.test(text)) throw new Error(`${JSON.stringify(text)} can't be a field of passwd`);
  return text;
}
