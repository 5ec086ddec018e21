import { renameSync, rmSync, statSync, writeFileSync } from "node:fs";

/** Writes a file so that who reads it meanwhile, such as a collector, sees the old text or the new one. */
export function writeWhole(path: string, text: string): void {
  // A device or a pipe is written to, never replaced.
  if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) {
    writeFileSync(path, text);
    return;
  }
  const fresh = `${path}.${process.pid}.new`;
  try {
    writeFileSync(fresh, text);
    renameSync(fresh, path);
  } catch (error) {
    rmSync(fresh, { force: true });
    throw error;
  }
}

/** To the file of `--output`, or as the answer. */
export function deliver(text: string, output: string | undefined, print: (text: string) => void): void {
  if (output === undefined) print(text.trimEnd());
  else writeWhole(output, text);
}
