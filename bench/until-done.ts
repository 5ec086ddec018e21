import { progress } from "../dev/progress.ts";

const LONGEST_MS = 60 * 60_000;

/** Does the work and closes after it, once, also when it is interrupted, ended or not done after an hour. */
export async function untilDone<T>(close: () => Promise<void>, work: () => Promise<T>): Promise<T> {
  let closing: Promise<void> | undefined;
  const closeOnce = (): Promise<void> => (closing ??= close());
  const giveUp = (reason: string) => () => {
    progress(`${reason}: taking the hosts away`);
    void closeOnce().finally(() => process.exit(1));
  };
  process.once("SIGINT", giveUp("interrupted"));
  process.once("SIGTERM", giveUp("ended"));
  const timer = setTimeout(giveUp(`not done after ${LONGEST_MS / 60_000} minutes`), LONGEST_MS);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    await closeOnce();
  }
}
