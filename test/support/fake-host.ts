import { HostError, StepFailed } from "../../provider/host/errors.ts";
import type { AnswersTo, Applied, Host, Progress } from "../../provider/host/host.ts";
import type { Question } from "../../provider/host/question.ts";
import { renderApply, renderAsk } from "../../provider/host/request.ts";
import type { Plan, Step } from "../../provider/host/step.ts";
import { fileQuestions, fileSteps } from "./fake-files.ts";
import { unitQuestions, unitSteps } from "./fake-units.ts";

/** A path of the fake host. Directories of a real system exist without being listed. */
export interface FakeFile {
  readonly type: "file" | "directory" | "link";
  readonly mode: string;
  /** `USER:GROUP`. */
  readonly owner: string;
  readonly content?: string;
  readonly target?: string;
}

/** A unit as PID 1 knows it; its file is in `files`. */
export interface FakeUnit {
  readonly loadState: "loaded" | "not-found";
  readonly activeState: "active" | "inactive" | "failed";
  readonly enabled: boolean;
  /** The unit file's text at the last daemon-reload. */
  readonly loadedText: string;
  /** The text with which it was started, as long as it runs. */
  readonly startedText?: string;
  readonly mainPid: number;
  readonly starts: number;
  /** Properties that a test wants to say, over those derived. */
  readonly properties?: Readonly<Record<string, string>>;
}

/** All that a fake host is. */
export interface FakeState {
  readonly files: Map<string, FakeFile>;
  readonly units: Map<string, FakeUnit>;
  machineId: string;
  bootId: string;
  nextPid: number;
  /** What other tables of handlers keep, such as the kernel's port map. */
  readonly more: Map<string, unknown>;
}

/** Answers a question with what `parse` would have made of the host's text. */
export type FakeQuestion = (state: FakeState, args: readonly string[], content: string | undefined) => unknown;

/** Does a step and returns its output; throws `FakeExit` to fail. */
export type FakeStep = (state: FakeState, args: readonly string[], content: string | undefined) => unknown;

/** How a step's script would have ended. */
export class FakeExit extends Error {
  readonly code: number;
  readonly output: string;

  constructor(code: number, stderr: string, output = "") {
    super(stderr);
    this.code = code;
    this.output = output;
  }
}

/** A host in memory, for laws: apply then plan is empty; cut anywhere, then converge, gives the same host. */
export interface FakeHost extends Host {
  readonly state: FakeState;
  /** By name; others add theirs: `fake.questions["nft-map"] = (state) => ..`. */
  readonly questions: Record<string, FakeQuestion>;
  readonly steps: Record<string, FakeStep>;
  readonly counts: { asks: number; questions: number; applies: number; steps: number };
  /** Every plan that was applied, as far as it came. */
  readonly applied: { readonly plan: Plan; done: number }[];
  /** The next apply loses its connection when `done` steps are done; `effect`: the step after them took effect all the same. */
  cutAtStep(done: number, options?: { readonly effect?: boolean }): void;
  /** The next step of that name fails, without effect. */
  failStep(name: string, stderr: string, options?: { readonly code?: number; readonly output?: string }): void;
  /** While true, nothing answers. */
  unreachable: boolean;
  /** Reboots: what was enabled runs, what was not does not. */
  reboot(): void;
  /** Files and units in an order and form that can be compared; nothing in it moves by itself. */
  snapshot(): unknown;
}

/** A plain Debian host without anything of ours. */
export function createFakeHost(name = "web1"): FakeHost {
  const state: FakeState = {
    files: new Map(),
    units: new Map(),
    machineId: "0123456789abcdef0123456789abcdef",
    bootId: "00000000-0000-4000-8000-000000000001",
    nextPid: 1000,
    more: new Map(),
  };
  const counts = { asks: 0, questions: 0, applies: 0, steps: 0 };
  const applied: { readonly plan: Plan; done: number }[] = [];
  let cut: { done: number; effect: boolean } | undefined;
  const failing = new Map<string, { stderr: string; code: number; output: string }>();
  const label = `${name} (root@${name}:22)`;

  const reach = () => {
    if (fake.unreachable) throw new HostError("unreachable", label, "cannot connect: ECONNREFUSED");
  };
  const run = (step: Step, stepIndex: number): string => {
    const fail = (exit: { stderr: string; code: number; output: string }) =>
      new StepFailed(label, {
        stepIndex,
        describe: step.describe,
        step: step.step,
        exitCode: exit.code,
        output: exit.output,
        stderr: exit.stderr,
        kind: kindOf(exit.code),
      });
    const planned = failing.get(step.step);
    if (planned !== undefined) {
      failing.delete(step.step);
      throw fail(planned);
    }
    const handler = fake.steps[step.step];
    if (handler === undefined) throw new Error(`the fake host knows no step "${step.step}"`);
    counts.steps++;
    try {
      const output = handler(state, step.args, step.content);
      return typeof output === "string" ? output : "";
    } catch (error) {
      if (error instanceof FakeExit) throw fail({ stderr: error.message, code: error.code, output: error.output });
      throw error;
    }
  };

  const fake: FakeHost = {
    label,
    state,
    counts,
    applied,
    unreachable: false,
    questions: { ...fileQuestions, ...unitQuestions },
    steps: { ...fileSteps, ...unitSteps },

    async ask<const Questions extends readonly Question<unknown>[]>(questions: Questions) {
      reach();
      // The real request, so that what a real host would refuse is refused here too.
      renderAsk("nonce", questions);
      counts.asks++;
      counts.questions += questions.length;
      const answers = questions.map((question) => {
        const handler = fake.questions[question.ask];
        if (handler === undefined) throw new Error(`the fake host knows no question "${question.ask}"`);
        return handler(state, question.args, question.content);
      });
      return answers as AnswersTo<Questions>;
    },

    async apply(plan: Plan, progress?: Progress): Promise<Applied> {
      if (plan.steps.length === 0) return { outputs: [] };
      reach();
      renderApply("nonce", { id: "operation" }, plan);
      counts.applies++;
      const record = { plan, done: 0 };
      applied.push(record);
      const outputs = plan.steps.map(() => "");
      for (const [index, step] of plan.steps.entries()) {
        progress?.(step.describe);
        if (cut?.done === index) {
          const { effect } = cut;
          cut = undefined;
          if (effect) run(step, index);
          throw new HostError("lost", label, `the outcome of "${step.describe}" is not known: the connection was cut`);
        }
        outputs[index] = run(step, index);
        record.done++;
      }
      if (cut?.done === plan.steps.length) {
        cut = undefined;
        throw new HostError("lost", label, "the outcome of the plan is not known: the connection was cut");
      }
      return { outputs };
    },

    cutAtStep(done, options) {
      cut = { done, effect: options?.effect ?? false };
    },
    failStep(step, stderr, options) {
      failing.set(step, { stderr, code: options?.code ?? 1, output: options?.output ?? "" });
    },
    reboot() {
      const boot = Number(state.bootId.slice(-12)) + 1;
      state.bootId = `${state.bootId.slice(0, -12)}${String(boot).padStart(12, "0")}`;
      for (const [unit, known] of [...state.units]) {
        const text = state.files.get(`/etc/systemd/system/${unit}`)?.content;
        if (text === undefined) state.units.delete(unit);
        else {
          const up = known.enabled;
          const mainPid = up ? state.nextPid++ : 0;
          const activeState = up ? "active" : "inactive";
          state.units.set(unit, {
            ...known,
            loadState: "loaded",
            loadedText: text,
            activeState,
            mainPid,
            starts: up ? 1 : 0,
            startedText: up ? text : undefined,
          });
        }
      }
    },
    snapshot() {
      const byName = <Value>(map: ReadonlyMap<string, Value>) =>
        [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, value] as const);
      return {
        files: byName(state.files),
        units: byName(state.units).map(([unit, known]) => [unit, { ...known, mainPid: known.mainPid > 0, starts: 0 }]),
        more: byName(state.more),
      };
    },
  };
  return fake;
}

function kindOf(
  code: number,
): StepFailed["kind"] & ("step" | "foreign" | "discovery" | "disk-full" | "read-only" | "locked") {
  switch (code) {
    case 3:
      return "foreign";
    case 4:
      return "discovery";
    case 28:
      return "disk-full";
    case 30:
      return "read-only";
    case 75:
      return "locked";
    default:
      return "step";
  }
}
