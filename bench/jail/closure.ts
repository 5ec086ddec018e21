/** An installed package as dpkg's status has it. */
export interface Package {
  readonly name: string;
  /** `Depends` and `Pre-Depends` as written: `a (>= 1), b | c`. */
  readonly depends: string;
  /** `Provides` as written. */
  readonly provides: string;
}

/** Parses `dpkg-query --show --showformat='${Package}\t${Pre-Depends}, ${Depends}\t${Provides}\n'`. */
export function parsePackages(text: string): Package[] {
  return text
    .split("\n")
    .filter((line) => line.includes("\t"))
    .map((line) => {
      const [name = "", depends = "", provides = ""] = line.split("\t");
      return { name, depends, provides };
    });
}

/**
 * A package with all that it depends on, directly or not, among what is installed; sorted. Of alternatives the first
 * one that is installed counts, as apt chose it. Recommended and essential packages that nothing names are not in it.
 */
export function dependencyClosure(root: string, packages: readonly Package[]): string[] {
  const owners = new Map<string, Package>();
  for (const entry of packages) for (const name of namesIn(entry.provides).flat()) owners.set(name, entry);
  for (const entry of packages) owners.set(entry.name, entry);
  const found = new Set<string>();
  const open = [root];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    const entry = owners.get(name);
    if (entry === undefined || found.has(entry.name)) continue;
    found.add(entry.name);
    for (const alternatives of namesIn(entry.depends)) {
      const chosen = alternatives.find((alternative) => owners.has(alternative));
      if (chosen !== undefined) open.push(chosen);
    }
  }
  return [...found].sort();
}

/** Names without versions and architectures, alternatives together (deb-control(5)). */
function namesIn(field: string): string[][] {
  return field
    .split(",")
    .map((part) => part.split("|").map((alternative) => alternative.replace(/[(:[].*/s, "").trim()))
    .map((alternatives) => alternatives.filter((name) => name !== ""))
    .filter((alternatives) => alternatives.length > 0);
}
