import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { provideEngine } from "../../dev/engine/engine.ts";
import { cacheDirectory, repository } from "../../dev/paths.ts";
import type { Diagnostic } from "./engine-events.ts";
import { type StackArgs, writeProject } from "./engine-project.ts";
import { type Output, type Run, runProgram, runPulumi } from "./engine-run.ts";

export type { Diagnostic, Step } from "./engine-events.ts";
export type { StackArgs } from "./engine-project.ts";
export type { Run } from "./engine-run.ts";

export interface UpdateOptions {
  /** `--refresh`. */
  readonly refresh?: boolean;
  /** `refresh` and `destroy` only: what would be done. */
  readonly previewOnly?: boolean;
  readonly expectNoChanges?: boolean;
  readonly target?: readonly string[];
  /** More words, as on the command line. */
  readonly words?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Aborting is `kill -9` of the CLI, the program and the provider. A lock stays: see {@link Stack.cancel}. */
  readonly signal?: AbortSignal;
  readonly onDiagnostic?: (diagnostic: Diagnostic) => void;
}

/** One resource as the state has it. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly custom: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
  readonly initErrors?: readonly string[];
  readonly delete?: boolean;
  readonly pendingReplacement?: boolean;
}

/** A Pulumi stack in a temporary project with a backend of its own. Close it, or its directories stay in /tmp. */
export async function openStack(args: StackArgs): Promise<Stack> {
  const engine = await provideEngine();
  const root = mkdtempSync(join(tmpdir(), "pulumi-jail-stack-"));
  const backend = args.backend ?? join(root, "backend");
  mkdirSync(backend, { recursive: true });
  const projectDirectory = join(root, "project");
  writeProject(projectDirectory, args);
  const env = {
    ...inheritedEnvironment(),
    ...engine.env,
    PULUMI_HOME: join(root, "home"),
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_STACK: args.stack ?? "dev",
    // Each run starts Node twice; compiled code of Pulumi's SDK is half of that (nodejs.org, Module compile cache).
    NODE_COMPILE_CACHE: join(cacheDirectory(), "compile-cache"),
    ...args.env,
  };
  const stack = new Stack(root, projectDirectory, backend, env, args.project ?? "test", args.stack ?? "dev");
  await stack.select();
  stack.configure(args.config ?? {});
  return stack;
}

export class Stack {
  /** The file backend's directory: give it to another {@link openStack} to share state. */
  readonly backend: string;
  /** The project's directory: index.ts, Pulumi.yaml. Changes with {@link moveProject}. */
  directory: string;
  private readonly root: string;
  private readonly env: Readonly<Record<string, string>>;
  private readonly project: string;
  private readonly name: string;

  constructor(
    root: string,
    directory: string,
    backend: string,
    env: Readonly<Record<string, string>>,
    project: string,
    name: string,
  ) {
    this.root = root;
    this.directory = directory;
    this.backend = backend;
    this.env = env;
    this.project = project;
    this.name = name;
  }

  /** Without a preview of its own: {@link preview} is the call for that. */
  up(options: UpdateOptions = {}): Promise<Run> {
    return this.run(["up", "--yes", "--skip-preview"], options);
  }

  preview(options: UpdateOptions = {}): Promise<Run> {
    return this.run(["preview", "--diff"], options);
  }

  refresh(options: UpdateOptions = {}): Promise<Run> {
    return this.run(
      ["refresh", ...(options.previewOnly ? ["--preview-only", "--diff"] : ["--yes", "--skip-preview"])],
      options,
    );
  }

  destroy(options: UpdateOptions = {}): Promise<Run> {
    return this.run(["destroy", ...(options.previewOnly ? ["--preview-only"] : ["--yes", "--skip-preview"])], options);
  }

  /** Takes away the lock that a killed run left. */
  cancel(): Promise<Run> {
    return this.run(["cancel", "--yes"], {});
  }

  /** The deployment as `pulumi stack export` prints it. */
  async export(): Promise<string> {
    const run = await this.run(["stack", "export"], {});
    if (run.exitCode !== 0) throw new Error(`pulumi stack export: ${run.stderr}`);
    return run.stdout;
  }

  async import(deployment: string): Promise<Run> {
    const file = join(this.root, "deployment.json");
    writeFileSync(file, deployment);
    return this.run(["stack", "import", "--file", file], {});
  }

  /** The stack's outputs, secrets in clear. */
  async outputs(): Promise<Record<string, unknown>> {
    const run = await this.run(["stack", "output", "--json", "--show-secrets"], {});
    if (run.exitCode !== 0) throw new Error(`pulumi stack output: ${run.stderr}`);
    return JSON.parse(run.stdout) as Record<string, unknown>;
  }

  /** The checkpoint's bytes, or nothing before the first update. */
  state(): Buffer | undefined {
    const file = join(this.backend, ".pulumi/stacks", this.project, `${this.name}.json`);
    return existsSync(file) ? readFileSync(file) : undefined;
  }

  /** The resources that the state has, the stack itself and providers left out. */
  resources(): readonly StateResource[] {
    const text = this.state()?.toString() ?? "{}";
    const checkpoint = JSON.parse(text) as { checkpoint?: { latest?: { resources?: StateResource[] } } };
    const resources = checkpoint.checkpoint?.latest?.resources ?? [];
    return resources.filter((resource) => !/^pulumi:(pulumi:Stack|providers:)/.test(resource.type));
  }

  /** Writes one of the project's files: a changed program for the next run. */
  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text);
  }

  /** Changes one of the project's files; it is an error if nothing changed. */
  edit(name: string, change: (text: string) => string): void {
    const before = readFileSync(join(this.directory, name), "utf8");
    const after = change(before);
    if (after === before) throw new Error(`${name} is as it was`);
    this.write(name, after);
  }

  /** Replaces the stack's configuration. */
  configure(config: Readonly<Record<string, unknown>>): void {
    const file = join(this.directory, `Pulumi.${this.name}.yaml`);
    // The salt must stay: secrets in the state are encrypted with it. JSON is YAML.
    const salt = existsSync(file) ? (/^encryptionsalt: .*$/m.exec(readFileSync(file, "utf8"))?.[0] ?? "") : "";
    const entries = Object.entries(config).map(([key, value]) => [
      key.includes(":") ? key : `${this.project}:${key}`,
      value,
    ]);
    writeFileSync(file, `${salt}\nconfig: ${JSON.stringify(Object.fromEntries(entries))}\n`);
  }

  /** Moves the project's directory to another place, as a user who clones anew. */
  moveProject(): void {
    const target = join(this.root, `moved-${basename(this.directory)}`);
    cpSync(this.directory, target, { recursive: true, verbatimSymlinks: true });
    rmSync(this.directory, { recursive: true });
    this.directory = target;
  }

  /** Runs any command of the CLI in the project's directory. */
  run(command: readonly string[], options: UpdateOptions): Promise<Run> {
    const words = [
      ...command,
      ...(options.refresh ? ["--refresh"] : []),
      ...(options.expectNoChanges ? ["--expect-no-changes"] : []),
      ...(options.target ?? []).flatMap((urn) => ["--target", urn]),
      ...(options.words ?? []),
      "--non-interactive",
      "--color=never",
    ];
    return runPulumi(words, {
      cwd: this.directory,
      env: { ...this.env, ...options.env },
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      ...(options.onDiagnostic === undefined ? {} : { onDiagnostic: options.onDiagnostic }),
    });
  }

  /** Runs the package's own command line (dist/) in the project's directory. */
  async pulumiJail(words: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Output> {
    const main = join(repository, "dist/cli/main.js");
    return runProgram(process.execPath, [main, ...words], { cwd: this.directory, env: { ...this.env, ...env } });
  }

  /** Runs any program in a directory with the environment of this stack: a pipeline's step. */
  program(
    directory: string,
    program: string,
    words: readonly string[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<Output> {
    return runProgram(program, words, { cwd: directory, env: { ...this.env, ...env } });
  }

  /** Makes the stack in the backend, or takes the one that is there. */
  async select(): Promise<void> {
    const run = await this.run(["stack", "select", "--create", this.name], {});
    if (run.exitCode !== 0) throw new Error(`pulumi stack select: ${run.stderr}`);
  }

  /** Removes the project and, unless another stack gave it, the backend. What the stack made on hosts stays: destroy it first. */
  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** Settings of the one who runs the tests must not reach the engine under test. */
function inheritedEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^(PULUMI_|NODE_OPTIONS$|VITEST|NODE_ENV$)/.test(name),
  );
  return Object.fromEntries(entries) as Record<string, string>;
}
