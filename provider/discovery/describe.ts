import type { Entry } from "../manifest/manifest.ts";
import type { Discovery } from "./assemble-manifest.ts";
import type { Denied } from "./select.ts";
import type { DiscoverySpec } from "./spec.ts";

/** What of a discovery stays with the resource, a line each; none when there is nothing that its owner should know. */
export function describeDiscovery(spec: DiscoverySpec, discovery: Discovery): readonly string[] {
  const { denied, report, manifest } = discovery;
  const asked = spec.discovery.probe === undefined ? [] : report.probeImports;
  const carried = new Set(manifest.entries.map(({ path }) => path));
  // What was only examined is no need; what a repair has carried since is in.
  const out = denied.filter(({ path, use }) => !carried.has(path) && (use === "run" || use === "opened"));
  const written = denied.filter(({ use, why }) => use === undefined && why.startsWith("written"));
  return [
    ...line("left out", out.map(describeDenied), "include them if the service needs them"),
    ...line(
      "read-only in the jail, and written by the traced daemon",
      written.map(({ path }) => path),
    ),
    ...line(
      "holds an interpreter",
      (manifest.interpreters ?? []).map(({ path, why }) => `${path} (${why})`),
    ),
    ...line(
      `the probe brought in ${count(asked.length, "file")}`,
      asked.map(({ path }) => path),
    ),
    ...(report.setid > 0 ? [`setid files: ${report.setid} stripped`] : []),
    ...line(
      "it only starts with what its packages recommend",
      report.recommended,
      "name them in packages to be sure of them",
    ),
  ];
}

/**
 * Files that nothing but the probe has brought in: used only while it was probed, or needed by such alone.
 */
export function probeImportsOf(entries: readonly Entry[]): readonly { readonly path: string; readonly why: string }[] {
  const files = entries.filter(({ kind }) => kind === "file");
  const imported = new Set<string>();
  const isImport = (why: string) => {
    const other = /^(?:needed by|interpreter of) (.*)$/.exec(why)?.[1];
    return other === undefined ? why.endsWith(" while probed") : imported.has(other);
  };
  for (let before = -1; before < imported.size; ) {
    before = imported.size;
    for (const { path, why } of files) if (why.every(isImport)) imported.add(path);
  }
  return files.filter(({ path }) => imported.has(path)).map(({ path, why }) => ({ path, why: why[0] ?? "" }));
}

const shown = 6;

function line(title: string, items: readonly string[], advice?: string): readonly string[] {
  if (items.length === 0) return [];
  const more = items.length > shown ? `, and ${items.length - shown} more` : "";
  return [`${title}: ${items.slice(0, shown).join(", ")}${more}${advice === undefined ? "" : `; ${advice}`}`];
}

function describeDenied({ path, why, use, phase }: Denied): string {
  return `${path} (${why}; ${use} ${phase === "probe" ? "while probed" : `at ${phase}`})`;
}

function count(number: number, thing: string): string {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
