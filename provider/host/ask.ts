import { randomBytes } from "node:crypto";
import { HostError } from "./errors.ts";
import type { Frame } from "./framing.ts";
import type { Question } from "./question.ts";
import { renderAsk } from "./request.ts";
import { refusedError, runSession } from "./session.ts";
import type { Transport } from "./transport.ts";

/** How long a question waits for others to travel with. */
const gatherMs = 5;
/** Hashing a large tree on a busy host takes minutes; a dead link is noticed by the keepalive long before. */
const askDeadlineMs = 300_000;

/** EROFS, as scripts exit with it. */
const READ_ONLY = "30";

/** Asks one question; those that come together travel together, and equal ones once (law 3). */
export function createAsker(transport: Transport): (question: Question<unknown>) => Promise<string> {
  let gathered: Map<string, Waiting> | undefined;
  return (question) => {
    if (gathered === undefined) {
      const batch = new Map<string, Waiting>();
      gathered = batch;
      setTimeout(() => {
        gathered = undefined;
        void answerBatch(transport, [...batch.values()]);
      }, gatherMs);
    }
    const key = JSON.stringify([question.ask, question.args, question.content ?? null]);
    let waiting = gathered.get(key);
    if (waiting === undefined) {
      waiting = createWaiting(question);
      gathered.set(key, waiting);
    }
    return waiting.answer;
  };
}

interface Waiting {
  readonly question: Question<unknown>;
  readonly answer: Promise<string>;
  readonly resolve: (text: string) => void;
  readonly reject: (error: unknown) => void;
}

function createWaiting(question: Question<unknown>): Waiting {
  let resolve: (text: string) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const answer = new Promise<string>((onAnswer, onError) => {
    resolve = onAnswer;
    reject = onError;
  });
  return { question, answer, resolve, reject };
}

async function answerBatch(transport: Transport, batch: readonly Waiting[]): Promise<void> {
  try {
    // Questions change nothing, so a cut connection is simply asked again, once.
    if (!(await askOnce(transport, batch)) && !(await askOnce(transport, batch, 10_000))) {
      throw new HostError("lost", transport.label, `the connection was cut twice while asking ${namesOf(batch)}`);
    }
  } catch (error) {
    for (const waiting of batch) waiting.reject(error);
  }
}

/** False when the connection was cut. */
async function askOnce(transport: Transport, batch: readonly Waiting[], withinMs?: number): Promise<boolean> {
  const nonce = randomBytes(16).toString("hex");
  let heard = false;
  const closed = await runSession(transport, {
    nonce,
    input: renderAsk(
      nonce,
      batch.map((waiting) => waiting.question),
    ),
    deadlineMs: askDeadlineMs,
    withinMs,
    doing: () => `the questions ${namesOf(batch)}`,
    onFrame: (frame) => {
      heard = true;
      if (frame.tag[0] === "done") return true;
      settleOne(transport, batch, frame);
      return false;
    },
  });
  if (closed === undefined) {
    const error = new HostError("unexpected-output", transport.label, "a question was left without an answer");
    for (const waiting of batch) waiting.reject(error);
    return true;
  }
  if (closed.exitCode === undefined && closed.signal === undefined) return false;
  if (!heard) throw refusedError(transport, closed);
  throw new HostError("unexpected-output", transport.label, `the questions ${namesOf(batch)} ended half-way`, {
    stderr: closed.stderr,
  });
}

function settleOne(transport: Transport, batch: readonly Waiting[], frame: Frame): void {
  const waiting = batch[Number(frame.tag[1])];
  if (waiting === undefined) return;
  const text = frame.bytes.toString("utf8");
  if (frame.tag[0] === "answer") waiting.resolve(text);
  if (frame.tag[0] === "failed") {
    const { ask, args } = waiting.question;
    const kind = frame.tag[2] === READ_ONLY ? "read-only" : "command";
    waiting.reject(
      new HostError(kind, transport.label, `could not look: "${ask}" ended with exit code ${frame.tag[2]}`, {
        command: [ask, ...args].join(" ").slice(0, 500),
        stderr: text,
      }),
    );
  }
}

function namesOf(batch: readonly Waiting[]): string {
  return [...new Set(batch.map((waiting) => `"${waiting.question.ask}"`))].join(", ");
}
