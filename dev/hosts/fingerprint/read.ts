import { readdirSync, readFileSync } from "node:fs";
import { run } from "../command.ts";
import { execOn, leaderOf } from "../exec.ts";
import type { HostRecord } from "../types.ts";
import { KEPT_BY_IP_NETNS, MOVES_BY_ITSELF } from "./exclude.ts";
import { readFiles } from "./files.ts";
import { parseAccounts, parseLines, parseLinks, parseMounts, parseSettings, parseTables, parseUnits } from "./parse.ts";
import { readProcesses } from "./processes.ts";
import type { Fingerprint, Section } from "./types.ts";

const SYSCTLS = `cd /proc/sys/net && grep -H "" ipv4/ip_forward ipv4/ip_unprivileged_port_start ipv4/conf/*/forwarding \
ipv4/conf/*/route_localnet ipv4/conf/*/rp_filter ipv6/conf/*/forwarding ipv6/conf/*/disable_ipv6`;

/** Takes the fingerprint of a running host; `except` are more paths to leave out, each with all below it. */
export async function readFingerprint(host: HostRecord, except: readonly string[] = []): Promise<Fingerprint> {
  const leader = leaderOf(host);
  if (leader === undefined) throw new Error(`host ${host.name} is not running: it has no fingerprint`);
  const root = `/proc/${leader}/root`;
  const list = (...words: string[]) => execOn(host, ["systemctl", "--plain", "--no-legend", "--no-pager", ...words]);
  // What can change while it is looked at comes first, and together.
  const inNetwork = (argv: string[]) =>
    run(["nsenter", `--target=${leader}`, "--net", ...argv]).then((ran) => ran.stdout);
  const [unitFiles, units, ruleset, links, routes4, routes6, sockets, sysctls] = await Promise.all([
    list("list-unit-files"),
    list("list-units", "--all"),
    inNetwork(["nft", "--stateless", "list", "ruleset"]),
    inNetwork(["ip", "-json", "-details", "address"]),
    inNetwork(["ip", "-4", "route", "show", "table", "all"]),
    inNetwork(["ip", "-6", "route", "show", "table", "all"]),
    inNetwork(["ss", "--no-header", "--listening", "--tcp", "--udp", "--numeric"]),
    inNetwork(["sh", "-c", SYSCTLS]),
  ]);
  return {
    files: await readFiles(leader, [...MOVES_BY_ITSELF, ...except]),
    units: without(parseUnits(unitFiles.stdout, units.stdout), KEPT_BY_IP_NETNS.unit),
    mounts: without(parseMounts(readFileSync(`/proc/${leader}/mountinfo`, "utf8")), KEPT_BY_IP_NETNS.mount),
    users: parseAccounts(readFileSync(`${root}/etc/passwd`, "utf8")),
    groups: parseAccounts(readFileSync(`${root}/etc/group`, "utf8")),
    nftables: parseTables(ruleset),
    namespaces: await readNamespaces(root),
    links: parseLinks(links),
    routes: parseLines(routes4 + steadyRoutes(routes6)),
    sysctls: parseSettings(sysctls),
    // The two queue columns are counters.
    sockets: parseLines(sockets, (line) => line.replace(/^(\S+ \S+) \d+ \d+ /, "$1 ")),
    processes: readProcesses(leader),
  };
}

async function readNamespaces(root: string): Promise<Section> {
  const namespaces: Record<string, Record<string, string>> = {};
  let names: string[] = [];
  try {
    names = readdirSync(`${root}/run/netns`);
  } catch {
    // `ip netns add` makes the directory.
  }
  for (const name of names) {
    const ran = await run(["nsenter", `--net=${root}/run/netns/${name}`, "ip", "-json", "-details", "address"], {
      reject: false,
    });
    const links = ran.exitCode === 0 ? parseLinks(ran.stdout) : { "": ran.stderr.trim() };
    namespaces[name] = Object.fromEntries(Object.entries(links).map(([link, value]) => [link, JSON.stringify(value)]));
  }
  return namespaces;
}

function without(section: Section, name: string): Section {
  return Object.fromEntries(Object.entries(section).filter(([key]) => key !== name));
}

/** Drops IPv6's link-local routes, which follow from hardware addresses. */
function steadyRoutes(text: string): string {
  return text
    .split("\n")
    .filter((line) => !line.includes("fe80:"))
    .join("\n");
}
