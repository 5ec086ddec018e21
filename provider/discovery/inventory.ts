import type { Origin, Platform } from "../manifest/manifest.ts";

/** What is there in the build root, of all that a trace names and what that needs in turn (step-inspect.sh prints it). */
export interface Inventory {
  readonly facts: ReadonlyMap<string, Fact>;
  readonly elf: ReadonlyMap<string, ElfFact>;
  /** By script: its `#!` interpreters, more than one for `/usr/bin/env NAME`. */
  readonly interpreters: ReadonlyMap<string, readonly string[]>;
  /** By index of the spec's `include`: the paths that it matched. */
  readonly included: readonly (readonly string[])[];
  /** By soname asked for: its path. */
  readonly libraries: ReadonlyMap<string, string>;
  readonly users: readonly UserFact[];
  readonly groups: readonly GroupFact[];
  /** By package, of those asked for and those that own a file. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly platform?: Platform;
  /** Of the packages asked for. */
  readonly versions: ReadonlyMap<string, string>;
  /** By package that is there in an older version: the one that apt would install. */
  readonly late: ReadonlyMap<string, string>;
}

export interface Fact {
  readonly type: "file" | "directory" | "symlink" | "device" | "other";
  /** Four octal digits, setid bits included. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly size: number;
  /** sha256 of a file, target of a symlink. */
  readonly detail: string;
  readonly package?: string;
  readonly version?: string;
  /** It holds a private key. */
  readonly key: boolean;
  /** A private key that the host does not have, in a directory of only such: an installation drew it in the build root. */
  readonly drawn: boolean;
  /** A directory with nothing in it. */
  readonly empty: boolean;
}

export interface ElfFact {
  readonly interpreter?: string;
  /** Soname and the path it was found at. */
  readonly needed: readonly { readonly soname: string; readonly path?: string }[];
}

export interface GroupFact {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

export interface UserFact {
  readonly name: string;
  readonly uid: number;
  readonly group: string;
  readonly home: string;
}

/** Parses the inventory's lines; throws at one it does not know. */
export function parseInventory(text: string): Inventory {
  const facts = new Map<string, Fact>();
  const elf = new Map<string, ElfFact>();
  const interpreters = new Map<string, string[]>();
  const included: string[][] = [];
  const libraries = new Map<string, string>();
  const users: UserFact[] = [];
  const groups: GroupFact[] = [];
  const versions = new Map<string, string>();
  const origins = new Map<string, Origin>();
  let platform: Platform | undefined;
  const late = new Map<string, string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const [kind, ...fields] = line.split("\t").map(unescapeField);
    const [first = "", second = ""] = fields;
    switch (kind) {
      case "P":
        facts.set(first, parseFact(fields));
        break;
      case "E":
        elf.set(first, { ...(second === "-" ? {} : { interpreter: second }), needed: pairs(fields.slice(2)) });
        break;
      case "S":
        interpreters.set(first, [...(interpreters.get(first) ?? []), second]);
        break;
      case "I":
        included[Number(first)] = [...(included[Number(first)] ?? []), second];
        break;
      case "L":
        libraries.set(first, second);
        break;
      case "V":
        versions.set(first, second);
        break;
      case "A":
        origins.set(first, { architecture: second, source: fields[2] ?? first, sourceVersion: fields[3] ?? "" });
        break;
      case "O":
        platform = { distribution: first, release: second, architecture: fields[2] ?? "" };
        break;
      case "C":
        late.set(first, second);
        break;
      case "U":
        users.push({ name: first, uid: Number(second), group: fields[2] ?? "", home: fields[3] ?? "" });
        break;
      case "G":
        groups.push({
          name: first,
          gid: Number(second),
          members: (fields[2] ?? "").split(",").filter((name) => name !== ""),
        });
        break;
      default:
        throw new Error(`no line of an inventory: ${line.slice(0, 200)}`);
    }
  }
  return {
    facts,
    elf,
    interpreters,
    included,
    libraries,
    users,
    groups,
    versions,
    late,
    origins,
    ...(platform && { platform }),
  };
}

/** Where a path leads in the build root: the links on the way and the canonical path, which may not exist. */
export interface Resolved {
  readonly links: readonly string[];
  readonly canonical: string;
  readonly exists: boolean;
}

/** Follows links as the kernel would; a part that is not there keeps the rest as it is written. */
export function resolvePath(inventory: Inventory, path: string): Resolved {
  const rest = path.split("/");
  const links: string[] = [];
  let current = "";
  let exists = true;
  while (rest.length > 0) {
    const part = rest.shift()!;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      current = current.slice(0, Math.max(0, current.lastIndexOf("/")));
      continue;
    }
    const next = `${current}/${part}`;
    const fact = inventory.facts.get(next);
    if (fact?.type === "symlink" && links.length < 40) {
      links.push(next);
      if (fact.detail.startsWith("/")) current = "";
      rest.unshift(...fact.detail.split("/"));
    } else {
      exists = fact !== undefined;
      current = next;
    }
  }
  return { links, canonical: current === "" ? "/" : current, exists };
}

const types: Readonly<Record<string, Fact["type"]>> = {
  f: "file",
  d: "directory",
  l: "symlink",
  c: "device",
  b: "device",
};

function parseFact(fields: readonly string[]): Fact {
  const [, type = "", mode = "", owner = "", group = "", size = "", detail = "", name = "-", version = "-", mark = ""] =
    fields;
  return {
    type: types[type] ?? "other",
    mode,
    owner,
    group,
    size: Number(size),
    detail,
    ...(name === "-" ? {} : { package: name }),
    ...(version === "-" ? {} : { version }),
    key: mark.includes("key"),
    drawn: mark.includes("drawn"),
    empty: mark.includes("empty"),
  };
}

function pairs(fields: readonly string[]): ElfFact["needed"] {
  const found: { soname: string; path?: string }[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const path = fields[at + 1]!;
    found.push({ soname: fields[at]!, ...(path === "-" ? {} : { path }) });
  }
  return found;
}

function unescapeField(field: string): string {
  return field.includes("%")
    ? field.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    : field;
}
