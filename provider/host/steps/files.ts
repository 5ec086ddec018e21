import type { Step } from "../step.ts";

/** A file as it shall be. */
export interface FileWish {
  readonly path: string;
  /** Octal, such as `0644`. */
  readonly mode: string;
  /** `USER` (with its own group) or `USER:GROUP`, by name or number. */
  readonly owner: string;
  readonly content: string;
}

/** Writes a file: the old one or the new one is there at any time, never half of it. Its directory must exist. */
export function writeFile(file: FileWish, describe = `writing ${file.path}`): Step {
  return { step: "write-file", args: [file.path, file.mode, file.owner], content: file.content, describe };
}

/** Removes a file or link; nothing to do when it is gone already. */
export function removeFile(path: string, describe = `removing ${path}`): Step {
  return { step: "remove-file", args: [path], describe };
}

/** Makes a directory, its parents too (0755, root), or gives an existing one this mode and owner. */
export function makeDirectory(
  directory: { readonly path: string; readonly mode: string; readonly owner: string },
  describe = `making ${directory.path}`,
): Step {
  return { step: "make-directory", args: [directory.path, directory.mode, directory.owner], describe };
}

/** Removes a directory if it is empty and leaves it alone if not. */
export function removeDirectory(path: string, describe = `removing ${path}`): Step {
  return { step: "remove-directory", args: [path], describe };
}

/** Removes a tree below the state directory; refuses when anything foreign is mounted in it. Follows no link. */
export function removeTree(path: string, describe = `removing ${path}`): Step {
  return { step: "remove-tree", args: [path], describe };
}

/**
 * Fails as "foreign" (exit code 3) unless the file is still what was observed: the check of ownership again, under the
 * lock. `sha256` undefined: it was absent.
 */
export function expectFile(path: string, sha256: string | undefined, describe = `checking ${path}`): Step {
  return { step: "expect-file", args: [path, sha256 ?? "-"], describe };
}

/** Removes directories of ours that are empty, and with them the last trace of us. */
export function sweepState(describe = "removing empty directories"): Step {
  return { step: "sweep-state", args: [], describe };
}
