import * as v from "valibot";
import { sizeOf } from "../generation/assemble.ts";
import { compareText } from "../manifest/entries.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { sortKeys } from "../manifest/render.ts";

/** What a jail's own record on the host says; written last, so that it never speaks of what is not complete. */
export interface JailRecord {
  readonly schema: 1;
  /** Whose it is, as in the mark: a lost mark can be told from a foreign directory. */
  readonly claim: string;
  /** The generation that services are to use; empty when there never was one. */
  readonly generation: string;
  /** The newest one built; another than `generation` when one is pinned. */
  readonly built: string;
  /** What it was built from: digests of the inputs that decide discovery, and of `files`. */
  readonly discovery: string;
  readonly files: string;
  /** Checksum of the lock file that it was built from, if it was. */
  readonly lock?: string;
  /** The suite that it needs on the host, by key; none for the host's own packages. */
  readonly suite?: string;
  /** Of `generation`. */
  readonly packages: Readonly<Record<string, string>>;
  readonly fileCount: number;
  readonly bytes: number;
}

/** What a record tells of a generation besides its name. */
export function describeContents(manifest: Manifest): Pick<JailRecord, "packages" | "fileCount" | "bytes"> {
  const sorted = Object.entries(manifest.packages).sort(([a], [b]) => compareText(a, b));
  return { packages: Object.fromEntries(sorted), ...sizeOf(manifest.entries) };
}

/** One line of JSON with sorted keys: ask-jail.sh finds its digests without a parser. */
export function renderRecord(record: JailRecord): string {
  return `${JSON.stringify(sortKeys(record))}\n`;
}

/** undefined when the text is no record that this version knows: the jail is then built anew. */
export function parseRecord(text: string): JailRecord | undefined {
  try {
    const result = v.safeParse(schema, JSON.parse(text));
    return result.success ? result.output : undefined;
  } catch {
    return undefined;
  }
}

const digest = v.pipe(v.string(), v.regex(/^([0-9a-f]{16})?$/));

const schema: v.GenericSchema<unknown, JailRecord> = v.object({
  schema: v.literal(1),
  claim: v.string(),
  generation: digest,
  built: digest,
  discovery: v.string(),
  files: v.string(),
  lock: v.optional(v.string()),
  suite: v.optional(v.string()),
  packages: v.record(v.string(), v.string()),
  fileCount: v.number(),
  bytes: v.number(),
});
