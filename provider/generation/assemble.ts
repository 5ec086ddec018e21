import type { Step } from "../host/step.ts";
import { sha256 } from "../manifest/digest.ts";
import { renderEntries } from "../manifest/entries.ts";
import type { Entry, Manifest } from "../manifest/manifest.ts";
import { renderLaunch, renderManifest } from "../manifest/render.ts";
import { seedStep } from "./seed.ts";

/** A generation to be built, or built again in place. */
export interface Assembly {
  /** Whose it is, see layout.ts. */
  readonly base: string;
  /** Completed by `completeManifest`. */
  readonly manifest: Manifest;
  /** By sha256, the bytes that come from the resource's inputs; those of the manifest itself need not be repeated. */
  readonly contents?: ReadonlyMap<string, string>;
  /** A build root, where all other bytes are; without one, they are in the store. */
  readonly source?: string;
  /** The generation whose packages and libraries this one has; with a `source`, none. */
  readonly from?: string;
  /** What the tree of `from` was seen to hold: those bytes are in the store and are not sent again. */
  readonly known?: Manifest;
}

/**
 * Builds a generation under a temporary name and gives it its own when it is complete: tree, manifest, launch. One with
 * the same digest that is there already is compared and mended instead.
 */
export function assembleSteps({ base, manifest, contents, source, from, known }: Assembly): readonly Step[] {
  const entries = renderEntries(manifest);
  const { seeds = [] } = manifest;
  const digest = sha256(entries).slice(0, 16);
  const part = (name: string, content: string): Step => ({
    step: "generation-part",
    args: [base, digest, name],
    content,
    describe: `writing the ${name} of generation ${digest}`,
  });
  return [
    { step: "generation-begin", args: [base, digest], content: entries, describe: `preparing generation ${digest}` },
    part("manifest.json", renderManifest(manifest)),
    part("launch.json", renderLaunch(manifest.launch)),
    part("packages", renderPackages(manifest)),
    ...contentSteps(base, digest, lacking(new Map([...contentsOf(manifest), ...(contents ?? [])]), manifest, known)),
    ...(source !== undefined && seeds.length > 0 ? [seedStep(base, digest, source, seeds)] : []),
    {
      step: "generation-build",
      args: [base, digest, source ?? "-", from ?? "-"],
      describe: `copying ${describeSize(manifest.entries)}`,
    },
  ];
}

/** Sends bytes for a generation that is built or mended next. */
export function contentSteps(base: string, digest: string, contents: ReadonlyMap<string, string>): readonly Step[] {
  return [...contents].map(([hash, content]) => ({
    step: "generation-content",
    args: [base, digest, hash],
    content,
    describe: `sending ${Buffer.byteLength(content)} bytes for generation ${digest}`,
  }));
}

/** `80 files (5.2 MB)`. */
export function describeSize(entries: readonly Entry[]): string {
  const { fileCount, bytes } = sizeOf(entries);
  return `${fileCount} files (${(bytes / 1e6).toFixed(1)} MB)`;
}

/** How many regular files, and how many bytes they have together, links to the store counted in full. */
export function sizeOf(entries: readonly Entry[]): { readonly fileCount: number; readonly bytes: number } {
  const files = entries.filter((entry) => entry.kind === "file");
  return { fileCount: files.length, bytes: files.reduce((sum, file) => sum + (file.size ?? 0), 0) };
}

function contentsOf(manifest: Manifest): ReadonlyMap<string, string> {
  return new Map(
    manifest.entries.flatMap(({ content }) => (content === undefined ? [] : [[sha256(content), content] as const])),
  );
}

/** Without what the store has for every entry that wants it; its key is content and mode. */
function lacking(contents: ReadonlyMap<string, string>, { entries }: Manifest, known: Manifest | undefined) {
  if (known === undefined) return contents;
  const key = (entry: Entry): string => `${hashOf(entry)} ${entry.mode}`;
  const there = new Set(known.entries.map(key));
  const wanted = new Set(entries.filter((entry) => !there.has(key(entry))).map(hashOf));
  return new Map([...contents].filter(([hash]) => wanted.has(hash)));
}

function hashOf({ sha256: hash, content }: Entry): string | undefined {
  return content === undefined ? hash : sha256(content);
}

/** `NAME TAB FILES TAB VERSION`, a line per package: what the host's apt is compared with, to tell what is stale. */
function renderPackages({ entries, packages }: Manifest): string {
  const counts = new Map(Object.keys(packages).map((name) => [name, 0]));
  for (const entry of entries) {
    if (entry.kind === "file" && entry.package) counts.set(entry.package, (counts.get(entry.package) ?? 0) + 1);
  }
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => `${name}\t${count}\t${packages[name] ?? "-"}\n`)
    .join("");
}
