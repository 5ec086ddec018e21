import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { provideEngine } from "../engine/engine.ts";
import { findHosts } from "../hosts/index.ts";
import { repository, workDirectory } from "../paths.ts";
import { withHosts } from "./config.ts";

/** The hosts of the example that the root's Pulumi.yaml names. */
export const demoHosts = ["web1", "web2", "edge"] as const;

/** Hosts are registered per machine, a demo is per checkout. */
export const runName = `demo-${createHash("sha256").update(repository).digest("hex").slice(0, 6)}`;

const STACK = "demo";
const configFile = join(repository, `Pulumi.${STACK}.yaml`);

/** The root's Pulumi project with the demo's stack, state and hosts. */
export interface Demo {
  /** Put this first on PATH. */
  readonly binDirectory: string;
  /** What to export to run `pulumi` by hand in the repository's root. */
  readonly settings: Readonly<Record<string, string>>;
  /** Runs the CLI on this terminal; gives its exit code. */
  pulumi(words: readonly string[]): number;
  /** One of the stack's outputs, as text. */
  output(name: string): Promise<string | undefined>;
  /** Whether an update has ever run. */
  hasState(): boolean;
}

/** Makes the stack if it is not there, and tells it where the hosts are. */
export async function openDemo(): Promise<Demo> {
  const engine = await provideEngine();
  const backend = workDirectory("demo", "backend");
  const settings: Record<string, string> = {
    ...engine.env,
    PULUMI_HOME: workDirectory("demo", "home"),
    PULUMI_BACKEND_URL: `file://${backend}`,
    PULUMI_CONFIG_PASSPHRASE: "",
    PULUMI_STACK: STACK,
  };
  const key = findHosts(runName)?.hosts[0]?.privateKeyPath;
  if (key !== undefined) settings["PULUMI_JAIL_PRIVATE_KEY_FILE"] = key;
  const options = { cwd: repository, env: { ...process.env, ...settings } };
  const selected = spawnSync("pulumi", ["stack", "select", "--create", STACK], { ...options, encoding: "utf8" });
  if (selected.status !== 0) throw new Error(`pulumi stack select: ${selected.stderr}`);
  writeConfig();
  return {
    binDirectory: engine.binDirectory,
    settings,
    pulumi: (words) => spawnSync("pulumi", words, { ...options, stdio: "inherit" }).status ?? 1,
    output: async (name) => {
      const run = spawnSync("pulumi", ["stack", "output", name], { ...options, encoding: "utf8" });
      return run.status === 0 ? run.stdout.trim() : undefined;
    },
    hasState: () => readText(join(backend, ".pulumi/stacks/apache-behind-an-edge", `${STACK}.json`)).includes('"urn"'),
  };
}

/** Forgets the stack; its hosts must be gone or not matter any more. */
export function removeDemo(): void {
  rmSync(join(repository, ".pulumi-jail/demo"), { recursive: true, force: true });
  rmSync(configFile, { force: true });
}

/** No secret in it: the key comes by environment. */
function writeConfig(): void {
  const hosts = findHosts(runName);
  if (hosts === undefined) return;
  const before = readText(configFile);
  const after = withHosts(before, hosts.hosts);
  if (after !== before) writeFileSync(configFile, after);
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
