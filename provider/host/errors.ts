/** The closed list of what can go wrong with a host; decide on `kind`, never on the message's text. */
export type HostErrorKind =
  | "unreachable"
  | "timeout"
  | "authentication"
  | "host-key"
  | "command"
  | "step"
  | "unexpected-output"
  | "foreign"
  | "disk-full"
  | "read-only"
  | "locked"
  | "lost"
  | "discovery";

/** What failed, on which host, in three parts: the sentence, the command (or step), the host's own words. */
export class HostError extends Error {
  readonly kind: HostErrorKind;
  readonly host: string;
  readonly command: string | undefined;
  readonly stderr: string | undefined;

  constructor(kind: HostErrorKind, host: string, what: string, details: { command?: string; stderr?: string } = {}) {
    const parts = [`${host}: ${what}`];
    if (details.command) parts.push(`  command: ${details.command}`);
    if (details.stderr?.trim()) parts.push(`  the host says: ${details.stderr.trim().replaceAll("\n", "\n    ")}`);
    super(parts.join("\n"));
    this.name = "HostError";
    this.kind = kind;
    this.host = host;
    this.command = details.command;
    this.stderr = details.stderr;
  }
}

/** A step of a plan failed; the steps before it are done and those after it were not begun. */
export class StepFailed extends HostError {
  readonly stepIndex: number;
  readonly exitCode: number;
  /** What the failed step had printed to stdout, such as the last journal lines of a unit that did not start. */
  readonly output: string;

  constructor(
    host: string,
    failure: {
      readonly stepIndex: number;
      readonly describe: string;
      readonly step: string;
      readonly exitCode: number;
      readonly output: string;
      readonly stderr: string;
      readonly kind?: "step" | "disk-full" | "read-only" | "foreign" | "discovery" | "timeout" | "locked";
    },
  ) {
    super(failure.kind ?? "step", host, `${failure.describe} failed with exit code ${failure.exitCode}`, {
      command: failure.step,
      stderr: failure.stderr,
    });
    this.name = "StepFailed";
    this.stepIndex = failure.stepIndex;
    this.exitCode = failure.exitCode;
    this.output = failure.output;
  }
}

/**
 * Whether a plan was refused because its object is no longer as it was observed: another run held the lock meanwhile,
 * such as the rest of a run that was killed. Nothing was done; look again and plan anew.
 */
export function isChangedMeanwhile(error: unknown): boolean {
  return error instanceof StepFailed && error.command === "expect-file" && error.kind === "foreign";
}
