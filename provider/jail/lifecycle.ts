import { discover } from "../discovery/discover.ts";
import { openedAtStart } from "../discovery/opened-at-start.ts";
import { buildRootDirectory, closeBuildRootStep, openBuildRootStep } from "../discovery/steps.ts";
import { createJailKind } from "./kind.ts";
import { lockFilesOnDisk } from "./lock-files.ts";

/** The Jail as the runtime knows it. */
export const jailKind = createJailKind({
  discover,
  openedAtStart,
  buildRootDirectory,
  openBuildRootStep,
  closeBuildRootStep,
  lockFiles: lockFilesOnDisk,
});
