import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The text of a script that runs on a host: constant files put together, nothing of it from the user. */
export type Program = string;

/**
 * The script for these questions or steps: prelude, the files that define them, the files those need in turn, and the
 * main part. Only what is needed travels, since it travels with each round trip.
 */
export function programFor(main: "ask" | "apply", names: readonly string[]): Program {
  const library = loadLibrary();
  const kind = main === "ask" ? "ask" : "step";
  const needed = new Set<string>();
  const add = (file: string) => {
    if (needed.has(file)) return;
    needed.add(file);
    for (const other of library.needs.get(file) ?? []) add(other);
  };
  for (const name of names) {
    const file = library.definedIn.get(`${kind}_${name.replaceAll("-", "_")}`);
    if (file === undefined) throw new Error(`no script defines the ${kind === "ask" ? "question" : "step"} ${name}`);
    add(file);
  }
  for (const file of ["prelude.sh", `${main}.sh`]) needed.delete(file);
  const files = ["prelude.sh", ...[...needed].sort(), `${main}.sh`];
  return `${files.map((file) => library.texts.get(file)).join("\n")}\nmain_${main}\n`;
}

interface Library {
  readonly texts: ReadonlyMap<string, string>;
  readonly definedIn: ReadonlyMap<string, string>;
  /** By file: the files whose functions it mentions. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
}

let loaded: Library | undefined;

function loadLibrary(): Library {
  loaded ??= indexScripts(readScripts(join(__dirname, "scripts")));
  return loaded;
}

function readScripts(directory: string): ReadonlyMap<string, string> {
  const names = readdirSync(directory).filter((name) => name.endsWith(".sh"));
  return new Map(names.sort().map((name) => [name, readFileSync(join(directory, name), "utf8")]));
}

/** Which file defines each function, and which files a file needs: every word that is the name of a function. */
export function indexScripts(texts: ReadonlyMap<string, string>): Library {
  const definedIn = new Map<string, string>();
  const codes = [...texts].map(([file, text]) => [file, ownCode(text)] as const);
  for (const [file, text] of codes) {
    for (const [, name] of text.matchAll(/^([a-z_][a-z0-9_]*)\(\)/gm)) {
      const other = definedIn.get(name!);
      if (other !== undefined) throw new Error(`${file} and ${other} both define ${name}()`);
      definedIn.set(name!, file);
    }
  }
  const needs = new Map<string, readonly string[]>();
  for (const [file, text] of codes) {
    const words = new Set(text.match(/[a-z_][a-z0-9_]*/g));
    needs.set(
      file,
      [...new Set([...words].flatMap((word) => definedIn.get(word) ?? []))].filter((other) => other !== file),
    );
  }
  return { texts, definedIn, needs };
}

/** Without comments and without programs in other languages or shells, whose functions are their own. */
function ownCode(text: string): string {
  return text.replace(/<<'([A-Z_]+)'[^\n]*\n.*?\n\1\n/gs, "\n").replace(/^\s*#.*$/gm, "");
}
