import type { Question } from "./question.ts";
import { type Program, programFor } from "./scripts.ts";
import type { Plan } from "./step.ts";

/**
 * What every login shell gets as its command: a constant, valid in bash, dash, fish, tcsh and zsh alike. The script comes
 * on stdin by its length, as a shell that reads its script from stdin may read on into the data.
 */
export const remoteCommand = `/bin/sh -c 'IFS= read -r n && script=$(head -c "$n") && eval "$script"'`;

/** The stdin of a session which asks. */
export function renderAsk(nonce: string, questions: readonly Question<unknown>[]): Buffer {
  return renderRequest(
    programFor(
      "ask",
      questions.map((question) => question.ask),
    ),
    [
      line(nonce),
      line(`${questions.length}`),
      ...questions.map((question) => renderItem(question.ask, question.args, question.content)),
    ],
  );
}

/** Who applies: the same operation sent again is answered by the record of the first. */
export interface Operation {
  readonly id: string;
  /** The boot in which it began, once known: in another boot it must not go on. */
  readonly bootId?: string;
}

/** Seconds that a plan may take when it says nothing of it. */
export const defaultDeadlineSeconds = 600;

/** The stdin of a session which applies. */
export function renderApply(nonce: string, operation: Operation, plan: Plan): Buffer {
  if (!/^[a-z]+(\/[A-Za-z0-9][A-Za-z0-9_.-]*)?$/.test(plan.lock)) throw new Error(`${plan.lock} is no name of a lock`);
  return renderRequest(
    programFor(
      "apply",
      plan.steps.map((step) => step.step),
    ),
    [
      line(nonce),
      line(operation.id),
      line(plan.lock.replace("/", ".")),
      line(plan.urn),
      line(`${Math.ceil(plan.deadlineSeconds ?? defaultDeadlineSeconds)}`),
      line(operation.bootId ?? "-"),
      line(`${plan.steps.length}`),
      ...plan.steps.map((step) => renderItem(step.step, step.args, step.content)),
    ],
  );
}

/** Script and data, each after a line with its length in bytes. */
function renderRequest(program: Program, data: readonly Buffer[]): Buffer {
  const script = Buffer.from(program);
  const payload = Buffer.concat(data);
  return Buffer.concat([line(`${script.length}`), script, line(`${payload.length}`), payload]);
}

function renderItem(name: string, args: readonly string[], content: string | undefined): Buffer {
  if (!/^[a-z][a-z0-9-]*$/.test(name)) throw new Error(`${JSON.stringify(name)} is no name of a question or step`);
  const bytes = content === undefined ? undefined : Buffer.from(content);
  return Buffer.concat([
    line(`${name.replaceAll("-", "_")} ${args.length} ${bytes === undefined ? "-" : bytes.length}`),
    ...args.map(line),
    bytes ?? Buffer.alloc(0),
  ]);
}

/** A line holds anything but what ends a line or, for a shell, a string. */
function line(text: string): Buffer {
  if (/[\n\0]/.test(text)) throw new Error(`a newline or NUL in ${JSON.stringify(text.slice(0, 80))}`);
  return Buffer.from(`${text}\n`);
}
