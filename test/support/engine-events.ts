import { existsSync, readFileSync } from "node:fs";

/** What the engine did, or in a preview would do, with one resource. */
export interface Step {
  readonly urn: string;
  readonly type: string;
  /** The resource's name: the URN's last part. */
  readonly name: string;
  /** The engine's word: same, create, update, delete, replace, create-replacement, delete-replaced, read, refresh. */
  readonly op: string;
  readonly failed: boolean;
  /** Changed property -> kind of change, where the engine knows it. */
  readonly detailedDiff?: Readonly<Record<string, { readonly kind: string; readonly inputDiff?: boolean }>>;
  /** Outputs before and after, as the engine shows them; secrets are masked. */
  readonly before?: Readonly<Record<string, unknown>>;
  readonly after?: Readonly<Record<string, unknown>>;
}

/** A message on a resource's row: `ephemeral` ones are the status line and are not kept. */
export interface Diagnostic {
  readonly urn?: string;
  readonly severity: "debug" | "info" | "info#err" | "warning" | "error";
  readonly message: string;
  readonly ephemeral: boolean;
}

/** Everything that one run of the CLI reported. */
export interface Events {
  /** Resources by operation, as in the summary's last lines; the stack itself is not counted. */
  readonly changes: Readonly<Record<string, number>>;
  readonly steps: readonly Step[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a log written by `pulumi --event-log`; a killed run's last line may be cut off and is left out. */
export function readEvents(file: string): Events {
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  const events = lines.flatMap((line) => parseLine(line));
  const steps = events.flatMap((event) => toStep(event));
  return {
    changes: count(steps.filter((step) => step.type !== "pulumi:pulumi:Stack" && !step.failed).map((step) => step.op)),
    steps,
    diagnostics: events.flatMap((event) => toDiagnostic(event)),
  };
}

/** The diagnostic in one line of an event log, for those who watch a run while it goes on. */
export function diagnosticOf(line: string): Diagnostic | undefined {
  return parseLine(line).flatMap((event) => toDiagnostic(event))[0];
}

// Field names: sdk/go/common/apitype/events.go
interface EngineEvent {
  readonly resOutputsEvent?: { readonly metadata: Metadata; readonly planning?: boolean };
  readonly resOpFailedEvent?: { readonly metadata: Metadata };
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: Diagnostic["severity"];
    readonly ephemeral?: boolean;
  };
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly detailedDiff?: Step["detailedDiff"] | null;
  readonly old?: { readonly outputs?: Record<string, unknown> } | null;
  readonly new?: { readonly outputs?: Record<string, unknown> } | null;
}

function parseLine(line: string): EngineEvent[] {
  if (!line.startsWith("{")) return [];
  try {
    return [JSON.parse(line) as EngineEvent];
  } catch {
    return [];
  }
}

function toStep(event: EngineEvent): Step[] {
  const metadata = event.resOutputsEvent?.metadata ?? event.resOpFailedEvent?.metadata;
  if (metadata === undefined || metadata.type.startsWith("pulumi:providers:")) return [];
  return [
    {
      urn: metadata.urn,
      type: metadata.type,
      name: metadata.urn.split("::").at(-1) ?? "",
      op: metadata.op,
      failed: event.resOpFailedEvent !== undefined,
      ...(metadata.detailedDiff ? { detailedDiff: metadata.detailedDiff } : {}),
      ...(metadata.old?.outputs ? { before: metadata.old.outputs } : {}),
      ...(metadata.new?.outputs ? { after: metadata.new.outputs } : {}),
    },
  ];
}

function toDiagnostic(event: EngineEvent): Diagnostic[] {
  const diagnostic = event.diagnosticEvent;
  if (diagnostic === undefined || diagnostic.severity === "debug") return [];
  const { urn, severity, message, ephemeral } = diagnostic;
  return [{ ...(urn ? { urn } : {}), severity, message: message.trimEnd(), ephemeral: ephemeral ?? false }];
}

function count(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
