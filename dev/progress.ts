/** Prints one line about a long step to stderr, so that stdout stays for results. */
export function progress(line: string): void {
  process.stderr.write(`pulumi-jail: ${line}\n`);
}

/**
 * A line that is written over on a terminal and repeated at most every ten seconds elsewhere (a CI log).
 * `done` ends it with a last text.
 */
export function progressLine(): { update(text: string): void; done(text?: string): void } {
  const terminal = process.stderr.isTTY === true;
  let last = 0;
  return {
    update(text) {
      const now = Date.now();
      if (terminal ? now - last < 100 : now - last < 10_000) return;
      last = now;
      process.stderr.write(terminal ? `\r\x1b[Kpulumi-jail: ${text}` : `pulumi-jail: ${text}\n`);
    },
    done(text) {
      if (terminal) process.stderr.write("\r\x1b[K");
      if (text !== undefined) progress(text);
    },
  };
}
