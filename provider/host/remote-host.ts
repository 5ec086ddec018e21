import { applyOver } from "./apply.ts";
import { createAsker } from "./ask.ts";
import { HostError } from "./errors.ts";
import type { AnswersTo, Applied, Host, Progress } from "./host.ts";
import type { Question } from "./question.ts";
import type { Plan } from "./step.ts";
import type { Transport } from "./transport.ts";

/** The host at the other end of a transport. */
export function createRemoteHost(transport: Transport): Host {
  const ask = createAsker(transport);
  return {
    label: transport.label,
    async ask<const Questions extends readonly Question<unknown>[]>(questions: Questions) {
      const answers = await Promise.all(
        questions.map(async (question) => parseAnswer(transport, question, await ask(question))),
      );
      return answers as AnswersTo<Questions>;
    },
    async apply(plan: Plan, progress?: Progress): Promise<Applied> {
      return plan.steps.length === 0 ? { outputs: [] } : applyOver(transport, plan, progress);
    },
  };
}

function parseAnswer(transport: Transport, question: Question<unknown>, text: string): unknown {
  try {
    return question.parse(text);
  } catch (error) {
    if (error instanceof HostError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new HostError(
      "unexpected-output",
      transport.label,
      `cannot read the answer to "${question.ask}": ${reason}`,
      {
        command: question.ask,
        stderr: text.slice(0, 2000),
      },
    );
  }
}
