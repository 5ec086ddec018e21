import type { Section } from "./types.ts";

/** Parses `/proc/PID/mountinfo` (proc(5)): mount point, source, type and options, without numbers. */
export function parseMounts(text: string): Section {
  const mounts: Record<string, string> = {};
  for (const line of lines(text)) {
    const [before = "", after = ""] = line.split(" - ");
    const [, , , root, point = "", options] = before.split(" ");
    const [type, source, superOptions] = after.split(" ");
    // Several mounts on one point hide one another: keep them apart.
    // systemd-nspawn mounts deleted files of random names over some of /proc.
    const steadyRoot = root?.replace(/^\/\.#.*\/\/deleted$/, "(deleted)");
    put(mounts, point, `${type} ${source} ${steadyRoot} ${options} ${superOptions}`);
  }
  return mounts;
}

/** Parses passwd(5) or group(5). */
export function parseAccounts(text: string): Section {
  const accounts: Record<string, string> = {};
  for (const line of lines(text)) put(accounts, line.split(":")[0] ?? "", line);
  return accounts;
}

/** Units of a login come and go with it. */
const LOGIN_UNIT = /^(session-.*\.scope|user@.*\.service|user-runtime-dir@.*\.service|user-\d+\.slice)$/;

/** Joins `systemctl list-unit-files` and `systemctl list-units --all` (both `--plain --no-legend`). */
export function parseUnits(unitFiles: string, units: string): Section {
  const found: Record<string, Record<string, string>> = {};
  const entry = (name: string): Record<string, string> => (found[name] ??= {});
  for (const line of lines(unitFiles)) {
    const [name = "", state = ""] = line.trim().split(/\s+/);
    entry(name)["file"] = state;
  }
  for (const line of lines(units)) {
    const [name = "", load = "", active = "", sub = ""] = line.trim().split(/\s+/);
    // systemd forgets and remembers inactive units as it likes.
    if (active === "inactive" || LOGIN_UNIT.test(name)) continue;
    entry(name)["state"] = `${load} ${active} ${sub}`;
  }
  return found;
}

/** Splits `nft --stateless list ruleset` into its tables. */
export function parseTables(ruleset: string): Section {
  const tables: Record<string, string> = {};
  for (const part of ruleset.split(/^(?=table )/m)) {
    const [head = "", ...body] = part.split("\n");
    const name = /^table (.*) \{/.exec(head)?.[1];
    if (name !== undefined)
      tables[name] = body
        .join("\n")
        .replace(/\}\s*$/, "")
        .trimEnd();
  }
  return tables;
}

/** What `ip -json -details address` says of a link. */
interface IpLink {
  readonly ifname: string;
  readonly flags?: readonly string[];
  readonly mtu?: number;
  readonly master?: string;
  readonly address?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

/** Parses `ip -json -details address`. */
export function parseLinks(json: string): Section {
  const links: Record<string, Record<string, string>> = {};
  for (const link of JSON.parse(json || "[]") as IpLink[]) {
    const addresses = (link.addr_info ?? []).map((address) => `${address.local}/${address.prefixlen}`);
    links[link.ifname] = {
      kind: link.linkinfo?.info_kind ?? "",
      up: String(link.flags?.includes("UP") ?? false),
      mtu: String(link.mtu),
      master: link.master ?? "",
      // Hardware addresses of links made without one are drawn by lot, and IPv6's link-local ones follow from them.
      addresses: addresses
        .filter((address) => !address.startsWith("fe80:"))
        .sort()
        .join(" "),
    };
  }
  return links;
}

/** Makes a section of lines that say all themselves. */
export function parseLines(text: string, normalise: (line: string) => string = (line) => line): Section {
  const section: Record<string, string> = {};
  for (const line of lines(text)) put(section, normalise(line.trim().replace(/\s+/g, " ")), "");
  return section;
}

/** Makes a section of `NAME:VALUE` lines, as `grep -H ""` prints files. */
export function parseSettings(text: string): Section {
  return Object.fromEntries(
    lines(text).map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]),
  );
}

function lines(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** Adds an entry to a section; a second one of the same name gets a number. */
export function put<T>(section: Record<string, T>, name: string, value: T): void {
  let key = name;
  for (let count = 2; key in section; count += 1) key = `${name} (${count})`;
  section[key] = value;
}
