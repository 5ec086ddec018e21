import { randomBytes, randomUUID } from "node:crypto";
import { HostError, StepFailed } from "./errors.ts";
import type { Frame } from "./framing.ts";
import type { Applied, Progress } from "./host.ts";
import { defaultDeadlineSeconds, renderApply } from "./request.ts";
import { refusedError, runSession } from "./session.ts";
import type { Plan } from "./step.ts";
import type { Transport } from "./transport.ts";

/** With the 20 s in which the keepalive notices a dead link, an error is there within 35 s. */
const redialMs = 10_000;
const cutsAllowed = 3;
/** The host ends a plan that takes too long; this is what its answer may take on top. */
const graceMs = 60_000;

/** Applies a plan; after a cut connection the same operation is sent again, and the host replays what became of it. */
export async function applyOver(transport: Transport, plan: Plan, progress?: Progress): Promise<Applied> {
  const operation: Running = {
    id: randomUUID(),
    bootId: undefined,
    step: undefined,
    outputs: plan.steps.map(() => ""),
  };
  for (let cuts = 0; ; cuts++) {
    const nonce = randomBytes(16).toString("hex");
    let ending: Ending | undefined;
    const closed = await runSession(transport, {
      nonce,
      input: renderApply(nonce, operation, plan),
      // Waiting for the lock and running, both bounded on the host.
      deadlineMs: (plan.deadlineSeconds ?? defaultDeadlineSeconds) * 2000 + graceMs,
      withinMs: cuts > 0 ? redialMs : undefined,
      doing: () => describeStep(plan, operation),
      onFrame: (frame) => {
        ending = readFrame(transport, plan, operation, frame, progress);
        return ending !== undefined;
      },
    }).catch((error: unknown) => {
      throw cuts > 0 && operation.bootId !== undefined
        ? lostError(transport, plan, operation, describeError(error))
        : error;
    });
    if (ending !== undefined) {
      if (ending.error !== undefined) throw ending.error;
      return { outputs: operation.outputs };
    }
    if (operation.bootId === undefined && closed?.exitCode !== undefined && closed.exitCode !== incomplete) {
      throw refusedError(transport, closed);
    }
    if (cuts >= cutsAllowed) throw lostError(transport, plan, operation, `the connection was cut ${cuts + 1} times`);
  }
}

/** The exit code of apply.sh when it got only a part of its input (EX_IOERR). */
const incomplete = 74;

interface Running {
  readonly id: string;
  bootId: string | undefined;
  step: number | undefined;
  readonly outputs: string[];
}

interface Ending {
  readonly error?: HostError;
}

function readFrame(
  transport: Transport,
  plan: Plan,
  operation: Running,
  frame: Frame,
  progress?: Progress,
): Ending | undefined {
  const [tag, first, second, third] = frame.tag;
  const text = () => frame.bytes.toString("utf8");
  switch (tag) {
    case "begun":
    case "resumed":
      operation.bootId = text();
      return undefined;
    case "waiting":
      progress?.(`waiting for the lock, held by ${text()}`);
      return undefined;
    case "step": {
      operation.step = Number(first);
      const step = plan.steps[operation.step];
      if (step !== undefined) progress?.(step.describe);
      return undefined;
    }
    case "output":
      operation.outputs[Number(first)] = text();
      return undefined;
    case "done":
      return {};
    case "failed":
      return { error: stepFailed(transport, plan, operation, Number(first), Number(second), third, text()) };
    case "locked":
      return { error: new HostError("locked", transport.label, `"${plan.lock}" is locked by ${text()}`) };
    case "lost":
      return { error: lostError(transport, plan, operation, text()) };
    case "rebooted":
      return { error: lostError(transport, plan, operation, "it was rebooted meanwhile") };
    default:
      return undefined;
  }
}

function stepFailed(
  transport: Transport,
  plan: Plan,
  operation: Running,
  stepIndex: number,
  exitCode: number,
  kind: string | undefined,
  stderr: string,
): HostError {
  const step = plan.steps[stepIndex];
  return new StepFailed(transport.label, {
    stepIndex,
    describe: step?.describe ?? `step ${stepIndex}`,
    step: step?.step ?? "",
    exitCode,
    output: operation.outputs[stepIndex] ?? "",
    stderr,
    kind: failureKinds.find((known) => known === kind) ?? "step",
  });
}

const failureKinds = ["disk-full", "read-only", "foreign", "discovery", "timeout", "locked"] as const;

function lostError(transport: Transport, plan: Plan, operation: Running, reason: string): HostError {
  return new HostError(
    "lost",
    transport.label,
    `the outcome of ${describeStep(plan, operation)} is not known: ${reason}`,
  );
}

function describeStep(plan: Plan, operation: Running): string {
  if (operation.step === undefined) return `the plan for "${plan.lock}"`;
  return `"${plan.steps[operation.step]?.describe}" (step ${operation.step + 1} of ${plan.steps.length})`;
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
