import { execFileSync } from "node:child_process";
import { RunError, runtime } from "@pulumi/pulumi";

/**
 * Ends an `up` of the pipeline whose commit is not the newest of its branch, before it declares anything. The engine runs the program while it holds the
 * stack's lock, so what is the newest here is not overtaken: a later commit's `up` waits for that lock. A check before `pulumi up` could be.
 */
export function requireNewest(): void {
  const branch = process.env["PIPELINE_BRANCH"];
  if (branch === undefined || runtime.isDryRun()) return;
  git("fetch", "--quiet", "origin", branch);
  const [commit, newest] = [git("rev-parse", "HEAD"), git("rev-parse", "FETCH_HEAD")];
  if (commit === newest) return;
  const isOlder = git("merge-base", commit, newest) === commit;
  throw new RunError(
    isOlder
      ? `superseded: ${commit} is older than ${newest} of ${branch}, whose own run applies both`
      : `refused: ${commit} is not on ${branch}`,
  );
}

function git(...words: readonly string[]): string {
  return execFileSync("git", words, { encoding: "utf8" }).trim();
}
