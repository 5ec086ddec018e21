import { compareManifests } from "../manifest/compare.ts";
import { lookAt, manifestOf } from "./jail-on-host.ts";
import { jailsOfState, pickJail } from "./stack.ts";
import { DONE, FOUND, UsageError } from "./usage.ts";
import type { Words } from "./words.ts";

/** `diff JAIL [GEN1 [GEN2]]`. */
export async function diff(words: Words, print: (text: string) => void): Promise<number> {
  const [name, first, second, ...more] = words.rest;
  if (name === undefined || more.length > 0) throw new UsageError("diff JAIL [GEN1 [GEN2]]");
  const jail = await lookAt(pickJail(await jailsOfState(words), name, words.host));
  const after = second ?? jail.generation;
  const before = first ?? jail.observed.kept.find((kept) => kept !== after);
  if (before === undefined) throw new Error(`jail ${name} keeps no generation besides ${after}`);
  const [old, young] = [await manifestOf(jail, before), await manifestOf(jail, after)];
  const changes = compareManifests(old.manifest, young.manifest);
  const about = { jail: name, host: jail.jail.host, before: old.digest, after: young.digest };
  if (words.json) print(JSON.stringify({ ...about, changes }, undefined, 2));
  else
    print(
      [`jail ${name} on ${about.host}: ${old.digest} -> ${young.digest}`, ...changes.map((line) => `  ${line}`)].join(
        "\n",
      ),
    );
  return changes.length > 0 ? FOUND : DONE;
}
