import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { renderCycloneDx } from "../sbom/cyclonedx.ts";
import { renderSpdx } from "../sbom/spdx.ts";
import { lookAt, manifestOf } from "./jail-on-host.ts";
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
  const text = words.format === "spdx" ? renderSpdx(subject) : renderCycloneDx(subject);
  if (words.output === undefined) print(text.trimEnd());
  else writeFileSync(words.output, text);
  return DONE;
}

function ownVersion(): string {
  const text = readFileSync(join(__dirname, "../../package.json"), "utf8");
  return (JSON.parse(text) as { readonly version: string }).version;
}
