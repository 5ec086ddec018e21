import { readFileSync } from "node:fs";
import { join } from "node:path";

let text: string | undefined;

/** The watcher's program as it lies on edges (scripts/etcd-watch.pl): constant, nothing of it from the user. */
export function etcdProgram(): string {
  text ??= readFileSync(join(__dirname, "scripts", "etcd-watch.pl"), "utf8");
  return text;
}
