import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../dev/hosts/command.ts";
import { hierarchies } from "../../dev/hosts/control-group.ts";
import { runDirectory, stateDirectory } from "../../dev/hosts/layout.ts";
import { readRuns } from "../../dev/hosts/registry.ts";

/**
 * Everything on this machine that booting hosts makes or changes, as sorted lines. What belongs to other registered runs is left
 * out: they come and go beside the test.
 */
export async function machineState(except: readonly string[] = []): Promise<string[]> {
  const atFirst = readRuns();
  const sections = {
    links: (await lines(["ip", "-o", "link"])).map((line) =>
      line.replace(/^\d+: /, "").replace(/ (mtu|qdisc) .*$/, ""),
    ),
    routes: await lines(["ip", "route", "show", "table", "all"]),
    neighbours: (await lines(["ip", "neigh"])).filter((line) => line.includes("pjdev") && line.includes("PERMANENT")),
    tables: await lines(["nft", "list", "tables"]),
    namespaces: await lines(["ip", "netns"]),
    mounts: readFileSync("/proc/self/mounts", "utf8").split("\n"),
    groups: hierarchies().flatMap((hierarchy) => readdirSync(hierarchy).map((name) => join(hierarchy, name))),
    processes: processes(),
    nspawn: ["locks", "propagate", "unix-export"].flatMap((name) => list(join("/run/systemd/nspawn", name))),
    runs: list(join(stateDirectory(), "runs")),
  };
  // Some begin and some end while we look.
  const others = [...atFirst, ...readRuns()].filter((record) => !except.includes(record.run));
  const theirs = others.flatMap((record) => [
    ...[
      new RegExp(`\\b(pjdev|vb-pj|pj|pjdev-pj)${record.slot}(h\\d+)?\\b`),
      new RegExp(`${runDirectory(record.run)}(/|$)`),
    ],
    new RegExp(record.subnet.replace(/0\/24$/, "\\d+").replaceAll(".", "\\.")),
  ]);
  return Object.entries(sections).flatMap(([section, found]) =>
    found
      .filter((line) => line !== "" && !theirs.some((pattern) => pattern.test(line)))
      .map((line) => `${section}: ${line}`)
      .sort(),
  );
}

/** The kernel's settings that hosts need; undefined while other runs need them too. */
export function kernelSettings(except: readonly string[] = []): string[] | undefined {
  if (readRuns().some((record) => !except.includes(record.run))) return undefined;
  const paths = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/inotify/max_user_instances"];
  return paths.map((path) => `${path}: ${readFileSync(path, "utf8").trim()}`);
}

async function lines(argv: readonly string[]): Promise<string[]> {
  return (await run(argv)).stdout.split("\n").map((line) => line.trim());
}

function list(directory: string): string[] {
  // systemd-nspawn's locks are named by inode: whose they are can't be told here.
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => !name.startsWith("inode-"))
    .map((name) => join(directory, name));
}

function processes(): string[] {
  return readdirSync("/proc").flatMap((name) => {
    try {
      if (!/^\d+$/.test(name)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      return /systemd-nspawn|supervise\.sh/.test(command) ? [command] : [];
    } catch {
      return [];
    }
  });
}
