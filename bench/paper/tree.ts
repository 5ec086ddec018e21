import type { TestHost } from "../../dev/hosts/index.ts";

/** What is in a directory tree: regular files only, mounts below it left out. */
export interface TreeCount {
  readonly files: number;
  readonly bytes: number;
  readonly executables: number;
  readonly setid: number;
}

/** Counts on the host, by find. `without` is left out: a database's data is not the program's part. */
export async function countTree(host: TestHost, root: string, without = "/nowhere"): Promise<TreeCount> {
  const script = `find "$1" -xdev -path "$1$2" -prune -o -type f -printf '%s %m\\n' | awk '{ n++; s += $1; m = substr($2, length($2) - 2); if (m ~ /[1357]/) x++; if (length($2) > 3 && substr($2, 1, 1) ~ /[2-7]/) u++ } END { print n + 0, s + 0, x + 0, u + 0 }'`;
  const { stdout } = await host.exec(["sh", "-c", script, "sh", root, without]);
  const [files = Number.NaN, bytes = Number.NaN, executables = 0, setid = 0] = stdout.trim().split(" ").map(Number);
  if (!Number.isFinite(files + bytes)) throw new Error(`nothing was counted below ${root}: ${stdout}`);
  return { files, bytes, executables, setid };
}

/** Source packages of binary ones, by the package index of a host that has fetched it. */
export async function countSources(host: TestHost, packages: readonly string[]): Promise<number> {
  const script = `apt-cache show --no-all-versions "$@" | awk '/^Package: / { name = $2; source = name } /^Source: / { source = $2 } /^$/ { print source } END { print source }' | sort -u | grep -c .`;
  const { stdout } = await host.exec(["sh", "-c", script, "sh", ...packages]);
  return Number(stdout);
}
