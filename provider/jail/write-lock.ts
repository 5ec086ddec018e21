import { unshippedContents, withContents } from "../generation/contents.ts";
import type { Host } from "../host/host.ts";
import { parseLock, renderLock } from "../manifest/lock.ts";
import type { Manifest } from "../manifest/manifest.ts";
import type { JailInputs } from "./inputs.ts";
import { applyLock, type Lock, lockedInputs, type OpenedAtStart } from "./lock.ts";

/** A lock file to be written once the jail is as it says. */
export interface WrittenLock {
  readonly lock: Lock;
  readonly text: string;
}

/** The lock file of what was just discovered: with the bytes that no package has, as another host has them from nowhere else. */
export async function writtenLock(
  host: Host,
  inputs: JailInputs,
  manifest: Manifest,
  buildRoot: string,
  openedAtStart: OpenedAtStart,
): Promise<WrittenLock> {
  const [contents] = await host.ask([unshippedContents(buildRoot, manifest)]);
  const text = renderLock({ inputs: lockedInputs(inputs), manifest: withContents(manifest, contents) });
  return { text, lock: applyLock(inputs.manifestFile ?? "", parseLock(text), inputs, openedAtStart) };
}
