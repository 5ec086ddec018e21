import { createHash } from "node:crypto";
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { repository, workDirectory } from "../paths.ts";
import { findOnPath, provideCli } from "./cli.ts";

/** A Pulumi engine with all that it starts, in one directory. */
export interface Engine {
  /** Holds `pulumi`, its language host, the dynamic providers' host and `node`. */
  readonly binDirectory: string;
  /** Set these for every `pulumi`: nothing is looked up on the network, and PATH finds {@link binDirectory} first. */
  readonly env: Readonly<Record<string, string>>;
}

/** Makes sure of an engine. The first call on a machine without `pulumi` builds one; later calls cost some milliseconds. */
export async function provideEngine(): Promise<Engine> {
  const cli = await provideCli();
  // One directory per CLI: what another CLI left there must not be found on PATH.
  const binDirectory = workDirectory("bin", createHash("sha256").update(cli).digest("hex").slice(0, 12));
  link(process.execPath, join(binDirectory, "node"));
  if (isReleased(cli)) {
    link(cli, join(binDirectory, "pulumi"));
  } else {
    copy(cli, join(binDirectory, "pulumi"));
    writeLanguageHost(join(binDirectory, "pulumi-language-nodejs"));
    const dynamicHost = "pulumi-resource-pulumi-nodejs";
    link(join(repository, "node_modules/@pulumi/pulumi", dynamicHost), join(binDirectory, dynamicHost));
  }
  return { binDirectory, env: environment(binDirectory) };
}

/** A release has the hosts for Node beside the CLI; a CLI built from its Go module, which no registry gives hosts for, has not. */
function isReleased(cli: string): boolean {
  return (
    existsSync(join(dirname(realpathSync(cli)), "pulumi-language-nodejs")) ||
    findOnPath("pulumi-language-nodejs") !== undefined
  );
}

function environment(binDirectory: string): Record<string, string> {
  return {
    PATH: [binDirectory, process.env["PATH"] ?? ""].join(delimiter),
    PULUMI_SKIP_UPDATE_CHECK: "true",
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  };
}

function writeLanguageHost(target: string): void {
  const main = join(import.meta.dirname, "language-host/main.ts");
  const script = `#!/bin/sh\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${main}" "$@"\n`;
  if (existsSync(target) && readFileSync(target, "utf8") === script) return;
  replace(target, (path) => {
    writeFileSync(path, script);
    chmodSync(path, 0o755);
  });
}

/** A file of its own beside the hosts, as the CLI warns of hosts that lie elsewhere than the file it was started from. */
function copy(source: string, target: string): void {
  if (existsSync(target) && statSync(target).size === statSync(source).size) return;
  replace(target, (path) => copyFileSync(source, path, constants.COPYFILE_FICLONE));
}

function link(source: string, target: string): void {
  try {
    if (readlinkSync(target) === source) return;
  } catch {}
  replace(target, (path) => symlinkSync(source, path));
}

/** By rename, because another run may be executing what is replaced. */
function replace(target: string, write: (path: string) => void): void {
  const path = `${target}.${process.pid}`;
  write(path);
  renameSync(path, target);
}
