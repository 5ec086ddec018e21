import type { Question } from "../host/question.ts";
import { sha256 } from "../manifest/digest.ts";
import { escaped, unescaped } from "../manifest/entries.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { declaredWhy } from "./derive.ts";

/**
 * Asks for the text of the files that no package has as they are: maintainer scripts or people made or changed them.
 * Only text of at most 64 KB, and never a private key; what is larger has to come out the same of an installation.
 */
export function unshippedContents(buildRoot: string, manifest: Manifest): Question<ReadonlyMap<string, string>> {
  const files = manifest.entries.filter(
    ({ kind, content, sha256: hash, why }) =>
      kind === "file" && content === undefined && hash !== undefined && !why.includes(declaredWhy),
  );
  const lines = files.map((entry) => `${entry.package ?? "-"}\t${escaped(entry.path)}\n`);
  return { ask: "contents", args: [buildRoot], content: lines.join(""), parse: parseContents };
}

/** The manifest with these bytes in it, where they are those of its entry. */
export function withContents(manifest: Manifest, contents: ReadonlyMap<string, string>): Manifest {
  const entries = manifest.entries.map((entry) => {
    const content = contents.get(entry.path);
    return content !== undefined && sha256(content) === entry.sha256 ? { ...entry, content } : entry;
  });
  return { ...manifest, entries };
}

function parseContents(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [path, hex] = line.split("\t");
      if (hex === undefined) throw new Error(`"${line.slice(0, 80)}" is no file`);
      return [unescaped(path!), Buffer.from(hex, "hex").toString("utf8")] as const;
    }),
  );
}
