import { resolve } from "node:path";
import { discover as discoverJail } from "../discovery/discover.ts";
import { openedAtStart } from "../discovery/opened-at-start.ts";
import { closeBuildRootStep } from "../discovery/steps.ts";
import { hostFor } from "../host/pool.ts";
import { sweepState } from "../host/steps/files.ts";
import { completeDiscovery } from "../jail/complete.ts";
import { desiredJail, lockNameOf } from "../jail/desired.ts";
import { discoverySpec } from "../jail/discovery-face.ts";
import { projectDirectory, writeLockFile } from "../jail/lock-files.ts";
import { writtenLock } from "../jail/write-lock.ts";
import { containsUnknown } from "../resource/unknown.ts";
import { jailsOfPreview, type KnownJail, pickJails } from "./stack.ts";
import { DONE, UsageError } from "./usage.ts";
import type { Words } from "./words.ts";

/** `discover [JAIL..]`: the first jail of each lock file writes it, as in an up that renews. */
export async function discover(words: Words, print: (text: string) => void): Promise<number> {
  const jails = pickJails(await jailsOfPreview(words), words);
  const locked = jails.filter(({ properties }) => properties.manifestFile !== undefined);
  if (locked.length === 0) throw new UsageError("no jail here has a manifestFile");
  const byFile = new Map([...locked].reverse().map((jail) => [jail.properties.manifestFile!, jail]));
  const told = [];
  for (const [file, jail] of [...byFile].reverse()) {
    const { digest, checksum, path } = await writeFrom(jail, resolve(projectDirectory(resolve(words.cwd)), file));
    const { jailName } = jail.properties;
    told.push({ file: path, jail: jailName, host: jail.host, generation: digest, checksum });
    if (!words.json) print(`${file}: generation ${digest}, found for jail ${jailName} on ${jail.host}`);
  }
  if (words.json) print(JSON.stringify(told, undefined, 2));
  return DONE;
}

/** Leaves the host as it was: the build root is taken away whatever happens. */
async function writeFrom({ urn, properties }: KnownJail, path: string) {
  if (containsUnknown({ ...properties, generation: undefined }))
    throw new Error(`inputs of jail ${properties.jailName} are not known before an up; write its lock file with one`);
  const host = hostFor(properties.connection);
  const id = `discover-${properties.jailName}`;
  const run = { id, urn, lock: lockNameOf(desiredJail(properties)) };
  try {
    const found = await discoverJail(host, discoverySpec(properties), {
      ...run,
      progress: (text) => process.stderr.write(`${host.label}: ${text}\n`),
    });
    const { text, lock } = await writtenLock(
      host,
      properties,
      completeDiscovery(found, properties),
      found.buildRoot,
      openedAtStart,
    );
    writeLockFile(path, text);
    return { ...lock, path };
  } finally {
    await host.apply({ ...run, steps: [closeBuildRootStep(id), sweepState()] });
  }
}
