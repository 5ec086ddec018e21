import { parseFindings } from "../generation/findings.ts";
import { treeOf } from "../generation/layout.ts";
import { parseStale } from "../generation/stale.ts";
import type { Question } from "../host/question.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { parseManifest } from "../manifest/parse.ts";
import type { DesiredJail } from "./desired.ts";
import type { ObservedJail } from "./observed.ts";
import { parseRecord } from "./record.ts";

/** All that read, converge and remove have to know, in one question. */
export function observeJail(desired: DesiredJail): Question<ObservedJail> {
  return {
    ask: "jail",
    args: [desired.base, desired.discoveryDigest, desired.filesDigest],
    parse: (text) => parseJail(text, new Set(desired.fixedPackages)),
  };
}

function parseJail(text: string, fixed: ReadonlySet<string>): ObservedJail {
  const lines = text.split("\n").filter((line) => line !== "");
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => decoded(line.slice(key.length + 1)));
  const [directory] = all("directory");
  if (directory !== "absent" && directory !== "empty" && directory !== "full") throw new Error("no line `directory`");
  const used = new Map<string, readonly string[]>();
  for (const line of all("used")) {
    const [digest = "", ...who] = line.split(" ");
    used.set(digest, [...(used.get(digest) ?? []), who.join(" ")]);
  }
  const [recordText] = all("record");
  const [manifest] = all("manifest");
  const [unrefreshed] = all("unrefreshed");
  return {
    directory,
    ownerText: all("owner")[0],
    recordText,
    record: recordText === undefined ? undefined : parseRecord(recordText),
    kept: all("kept"),
    used,
    leftovers: all("leftover"),
    // A version that was asked for is old by intent.
    stale: parseStale(all("stale")).filter(({ name }) => !fixed.has(name)),
    ...(unrefreshed === undefined ? {} : { unrefreshed }),
    // Findings have their own escapes.
    findings: parseFindings(
      lines
        .filter((line) => line.startsWith("finding "))
        .map((line) => line.slice("finding ".length))
        .join("\n"),
    ),
    manifest: manifest === undefined ? undefined : readManifest(manifest),
    ...readSibling(all("sibling")[0], all("siblingManifest")[0]),
  };
}

function readSibling(place: string | undefined, text: string | undefined): Pick<ObservedJail, "sibling"> {
  const manifest = text === undefined ? undefined : readManifest(text);
  const [base, digest] = (place ?? "").split(" ");
  if (manifest === undefined || !base || !digest) return {};
  return { sibling: { tree: treeOf(base, digest), manifest } };
}

/** One that can't be read is as good as none: the jail is then built anew. */
function readManifest(text: string): Manifest | undefined {
  try {
    return parseManifest(text);
  } catch {
    return undefined;
  }
}

function decoded(text: string): string {
  return text.replace(/%(25|0A|09)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}
