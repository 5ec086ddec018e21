import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { LockFiles } from "./lock.ts";

/** Lock files on disk, by paths relative to the project's directory. */
export const lockFilesOnDisk: LockFiles = {
  read: (path) => {
    try {
      return readFileSync(resolve(projectDirectory(process.cwd()), path), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  },
  write: (path, text) => writeLockFile(resolve(projectDirectory(process.cwd()), path), text),
  renewing: () => ["1", "true"].includes(process.env["PULUMI_JAIL_UPDATE_MANIFESTS"] ?? ""),
};

/** By rename, as a cut run must not leave half a file. */
export function writeLockFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/**
 * Where Pulumi.yaml is. A dynamic provider runs in the program's working directory, which is that of `main` in
 * Pulumi.yaml where there is one, and is told no other.
 */
export function projectDirectory(start: string): string {
  for (let directory = start; ; directory = dirname(directory)) {
    if (["Pulumi.yaml", "Pulumi.yml", "Pulumi.json"].some((name) => existsSync(join(directory, name))))
      return directory;
    if (directory === dirname(directory)) return start;
  }
}
