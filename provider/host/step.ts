/**
 * A step of a plan, as data: the name of a function of `scripts/step-*.sh`, its arguments and a sentence for people.
 * The script function is `step_NAME` with `-` written `_`; it gets `args` as "$@" and, when `content` is given, a file
 * of those bytes as `$CONTENT`. What it prints to stdout is the step's output. It is safe to run again after having
 * been cut off at any point (law 1). No argument holds a newline or NUL.
 */
export interface Step {
  readonly step: string;
  readonly args: readonly string[];
  /** May hold secrets: travels on stdin, is never logged and never part of an error (law 11). */
  readonly content?: string;
  /** What it does, in the words that the user sees as progress and in a printed plan: `starting jailed-web@b.service`. */
  readonly describe: string;
}

/** Steps to run in order under one lock. */
export interface Plan {
  /**
   * What is locked: `jail/NAME`, `service/NAME`, `mapping/NAME`, or `host` for the registry, the edge and daemon-reload.
   * Steps which need the host's lock for a moment take it themselves (`with_host_lock` in scripts/prelude.sh).
   */
  readonly lock: string;
  /** The resource's URN, kept in the operation's record so that a holder can be named. */
  readonly urn: string;
  /** Seconds until the plan is given up, default 600. */
  readonly deadlineSeconds?: number;
  readonly steps: readonly Step[];
}

/** The plan as people read it, a line per step; the same text is the preview and the log. */
export function describePlan(plan: Plan): readonly string[] {
  return plan.steps.map((step) => step.describe);
}
