/**
 * A question to a host, as data: the name of a function of `scripts/ask-*.sh`, its arguments, and the parser of what
 * it prints. The script function is `ask_NAME` with `-` written `_`; it gets `args` as "$@" and, when `content` is
 * given, a file of those bytes as `$CONTENT`. It changes nothing on the host and exits 0 unless it could not look.
 */
export interface Question<Answer> {
  readonly ask: string;
  readonly args: readonly string[];
  readonly content?: string;
  /** Throws `UnexpectedOutput` (by any thrown Error) when the text is not what the script promises. */
  readonly parse: (text: string) => Answer;
}
