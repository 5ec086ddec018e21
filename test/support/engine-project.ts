import { cpSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repository } from "../../dev/paths.ts";

export interface StackArgs {
  /** A project's directory, relative to the repository ("examples/apache"); it is copied, so a test may edit its files. */
  readonly directory?: string;
  /** Instead of a directory: the text of index.ts. */
  readonly program?: string;
  /** Default "test". */
  readonly project?: string;
  /** Default "dev". */
  readonly stack?: string;
  /** "name" or "namespace:name" -> value of any shape; replaces what the stack had. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
  /** Packages that the program sees instead of or besides the repository's: name -> directory relative to the repository. */
  readonly packages?: Readonly<Record<string, string>>;
  /** Another stack's `backend`: two stacks, or two copies of one program, over one state. Default: one of its own. */
  readonly backend?: string;
}

/** Writes a project that Node runs without ts-node: the copied directory, or the program's text. */
export function writeProject(directory: string, args: StackArgs): void {
  mkdirSync(directory, { recursive: true });
  const notCopied = (source: string): boolean => !/node_modules|\/Pulumi\./.test(source.slice(repository.length));
  if (args.directory !== undefined) {
    cpSync(join(repository, args.directory), directory, { recursive: true, filter: notCopied });
  } else {
    writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module", main: "index.ts" }));
    writeFileSync(join(directory, "index.ts"), args.program ?? "");
  }
  const runtime = { name: "nodejs", options: { typescript: false, nodeargs: "--disable-warning=ExperimentalWarning" } };
  writeFileSync(join(directory, "Pulumi.yaml"), JSON.stringify({ name: args.project ?? "test", runtime }));
  linkPackages(join(directory, "node_modules"), args.packages ?? {});
}

/** The repository's packages one by one, so that a test may put another in a place. */
function linkPackages(directory: string, packages: Readonly<Record<string, string>>): void {
  const installed = join(repository, "node_modules");
  mkdirSync(directory);
  for (const name of readdirSync(installed)) {
    if (!name.startsWith(".") && !(name in packages)) symlinkSync(join(installed, name), join(directory, name));
  }
  for (const [name, source] of Object.entries(packages)) symlinkSync(join(repository, source), join(directory, name));
}
