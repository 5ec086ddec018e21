/** A package of which apt would install a newer version than a generation has. */
export interface StalePackage {
  readonly name: string;
  /** Files of the jail that are the package's. */
  readonly files: number;
  readonly was: string;
  readonly is: string;
}

/** Parses lines `NAME FILES WAS IS`; throws at any other. */
export function parseStale(lines: readonly string[]): readonly StalePackage[] {
  return lines.map((line) => {
    const [name, files, was, is] = line.split(" ");
    if (is === undefined) throw new Error(`"${line}" is no stale package`);
    return { name: name!, files: Number(files), was: was!, is };
  });
}

/** `stale: zlib1g 1.2 -> 1.3, 2 files`. */
export function describeStale({ name, was, is, files }: StalePackage): string {
  return `stale: ${name} ${was} -> ${is}, ${files} ${files === 1 ? "file" : "files"}`;
}
