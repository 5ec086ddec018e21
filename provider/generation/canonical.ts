import type { Entry } from "../manifest/manifest.ts";

/** The same path without links in the place of a parent, as entries have it: `/var/run/x` is `/run/x`. */
export function canonicalPath(entries: ReadonlyMap<string, Entry>, path: string): string {
  let rest = path.split("/").slice(1);
  let done = "";
  for (let links = 0; rest.length > 1 && links < 40; ) {
    const [part, ...after] = rest as [string, ...string[]];
    if (part === "..") done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
    const entry = entries.get(`${done}/${part}`);
    if (entry?.kind === "symlink" && entry.target !== undefined) {
      links++;
      if (entry.target.startsWith("/")) done = "";
      rest = [...entry.target.split("/").filter((name) => name !== "" && name !== "."), ...after];
    } else {
      if (part !== "..") done += `/${part}`;
      rest = after;
    }
  }
  return [done, ...rest].join("/");
}
