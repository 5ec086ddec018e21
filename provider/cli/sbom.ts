import { readFileSync } from "node:fs";
import { join } from "node:path";
import { treeOf } from "../generation/layout.ts";
import type { Question } from "../host/question.ts";
import { escaped, unescaped } from "../manifest/entries.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { renderCycloneDx } from "../sbom/cyclonedx.ts";
import { renderSpdx } from "../sbom/spdx.ts";
import { type JailOnHost, lookAt, manifestOf } from "./jail-on-host.ts";
import { deliver } from "./output.ts";
import { jailsOfState, pickJail } from "./stack.ts";
import { DONE, UsageError } from "./usage.ts";
import type { Words } from "./words.ts";

/** `sbom JAIL`. */
export async function sbom(words: Words, print: (text: string) => void): Promise<number> {
  const [jailName, ...more] = words.rest;
  if (jailName === undefined || more.length > 0) throw new UsageError("sbom JAIL");
  const jail = await lookAt(pickJail(await jailsOfState(words), jailName, words.host));
  const { digest, manifest } = await manifestOf(jail, jail.generation);
  const subject = { jailName, generation: digest, manifest, toolVersion: ownVersion() };
  const text = words.format === "spdx" ? renderSpdx(subject, await sha1Of(jail, manifest)) : renderCycloneDx(subject);
  deliver(text, words.output, print);
  return DONE;
}

/** Of files that are as they were built: those of others would be told for what they are not. */
async function sha1Of({ host, desired, observed, generation }: JailOnHost, manifest: Manifest) {
  const [finding] = observed.findings;
  if (finding !== undefined)
    throw new Error(
      `jail ${desired.jailName} is not as it was built; verify tells what differs (${finding.path || "/"})`,
    );
  const paths = manifest.entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
  const [sums] = await host.ask([sha1Sums(treeOf(desired.base, generation), paths)]);
  return sums;
}

function sha1Sums(tree: string, paths: readonly string[]): Question<ReadonlyMap<string, string>> {
  return { ask: "sha1", args: [tree], content: paths.map((path) => `${escaped(path)}\n`).join(""), parse: parseSums };
}

function parseSums(text: string): ReadonlyMap<string, string> {
  const lines = text.split("\n").filter((line) => line !== "");
  return new Map(lines.map((line) => [unescaped(line.slice(41)), line.slice(0, 40)] as const));
}

function ownVersion(): string {
  const text = readFileSync(join(__dirname, "../../package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
