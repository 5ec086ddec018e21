/** One thing of a generation that is not as it was built. `was` is what it has to be, `is` what is there. */
export interface Finding {
  readonly what:
    | "gone"
    | "meta"
    | "missing"
    | "kind"
    | "mode"
    | "owner"
    | "device"
    | "target"
    | "changed"
    | "unexpected"
    | "store-missing"
    | "store-changed";
  readonly path: string;
  readonly was: string;
  readonly is: string;
}

/** As `ask-generation.sh` prints them: a line each, between tabs. */
export function parseFindings(text: string): readonly Finding[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map(parseFinding);
}

/**
 * The findings as users read them in `drift`: a sentence per artefact. What lies below a missing directory goes without
 * saying, and so does the store's side of a file that is changed itself.
 */
export function describeFindings(findings: readonly Finding[], digest: string): readonly string[] {
  const missing = new Set(findings.filter((finding) => finding.what === "missing").map((finding) => finding.path));
  const told = new Set(findings.filter((finding) => !finding.what.startsWith("store-")).map((finding) => finding.path));
  return findings
    .filter(({ what, path }) => !(what === "missing" && missing.has(path.slice(0, path.lastIndexOf("/")))))
    .filter(({ what, path }) => !(what.startsWith("store-") && told.has(path)))
    .map((finding) => describeFinding(finding, digest));
}

const kinds: readonly string[] = [
  "gone",
  "meta",
  "missing",
  "kind",
  "mode",
  "owner",
  "device",
  "target",
  "changed",
  "unexpected",
  "store-missing",
  "store-changed",
];

function parseFinding(line: string): Finding {
  const [what, path, was, is, more] = line.split("\t").map(unescaped);
  if (is === undefined || more !== undefined || !kinds.includes(what!)) throw new Error(`"${line}" is no finding`);
  return { what: what as Finding["what"], path: path!, was: was!, is };
}

function unescaped(text: string): string {
  return text.replace(/\\([tn\\])/g, (_, letter: string) => ({ t: "\t", n: "\n" })[letter] ?? "\\");
}

function describeFinding({ what, path, was, is }: Finding, digest: string): string {
  const at = path === "" ? "/" : path;
  switch (what) {
    case "gone":
      return `generation ${digest} is gone`;
    case "meta":
      return path === "manifest.json" ? `manifest ${is}` : `${is}: ${digest}.${path}`;
    case "missing":
    case "unexpected":
      return `${what}: ${at}`;
    case "changed":
      return `changed: ${at} (sha256 differs)`;
    case "kind":
      return `kind ${kindNames[was] ?? was} -> ${kindNames[is] ?? is}: ${at}`;
    case "store-missing":
      return `missing in the store: ${at} (sha256 ${was.slice(0, 16)})`;
    case "store-changed":
      return `changed in the store: ${at} (sha256 ${was.slice(0, 16)})`;
    default:
      return `${what} ${was} -> ${is}: ${at}`;
  }
}

const kindNames: Readonly<Record<string, string>> = { f: "file", d: "directory", l: "link", c: "device" };
