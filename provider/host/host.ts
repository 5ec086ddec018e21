import type { Question } from "./question.ts";
import type { Plan } from "./step.ts";

/**
 * One remote Linux machine, as narrow as the resources need it: ask, then apply. Nothing else reaches a host.
 *
 * `SshHost` is the real one, `FakeHost` (test/support) an exact model for laws and faults.
 */
export interface Host {
  /** How messages name it, such as `web1 (root@10.0.0.4:22)`. */
  readonly label: string;

  /**
   * Asks questions in one round trip and changes nothing. Questions of several callers that come within a few
   * milliseconds travel together (law 3). Throws a `HostError`; never answers "absent" for "could not look" (law 8).
   */
  ask<const Questions extends readonly Question<unknown>[]>(questions: Questions): Promise<AnswersTo<Questions>>;

  /**
   * Applies a plan in one round trip under the plan's lock, taken by the remote process itself (law 5). Resolves when
   * every step is done; an empty plan never touches the host. A lost connection's outcome is learnt from the
   * operation's record, not guessed. Throws `StepFailed` naming the step, or another `HostError`.
   */
  apply(plan: Plan, progress?: Progress): Promise<Applied>;
}

/** Tells the user which step runs now, in a few words: `copying 80 files (5.2 MB)`. */
export type Progress = (text: string) => void;

/** What a plan's steps printed, by index of the step; most print nothing. */
export interface Applied {
  readonly outputs: readonly string[];
}

export type AnswersTo<Questions extends readonly Question<unknown>[]> = {
  readonly [Index in keyof Questions]: Questions[Index] extends Question<infer Answer> ? Answer : never;
};
