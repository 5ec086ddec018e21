import type { Entry, Manifest } from "../manifest/manifest.ts";

/**
 * Whether the daemon read the path at its start: then another content may make it read other files, which needs a new
 * trace. True as well for a path that the manifest does not know.
 */
export function openedAtStart(manifest: Manifest, path: string): boolean {
  const entry = manifest.entries.find((candidate) => candidate.path === canonicalIn(manifest.entries, path));
  return entry === undefined || entry.why.some((why) => why === "opened at start" || why === "run at start");
}

function canonicalIn(entries: readonly Entry[], path: string): string {
  const links = new Map(
    entries.flatMap((entry) => (entry.target === undefined ? [] : [[entry.path, entry.target] as const])),
  );
  const rest = path.split("/");
  let current = "";
  for (let steps = 0; rest.length > 0 && steps < 1000; steps++) {
    const part = rest.shift()!;
    if (part === "" || part === ".") continue;
    const target = part === ".." ? undefined : links.get(`${current}/${part}`);
    if (part === "..") current = current.slice(0, Math.max(0, current.lastIndexOf("/")));
    else if (target === undefined) current = `${current}/${part}`;
    else {
      if (target.startsWith("/")) current = "";
      rest.unshift(...target.split("/"));
    }
  }
  return current;
}
