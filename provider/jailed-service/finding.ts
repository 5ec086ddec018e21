import { createHash } from "node:crypto";
import type { FileText } from "./desired.ts";
import type { Observed } from "./observed.ts";

/** One thing that is not as it should be: the sentence that the user reads as drift, and what mends it. */
export interface Finding {
  readonly text: string;
  readonly remedy: Remedy;
}

/** What mends a finding; the plan is made from these. */
export type Remedy =
  | "switch"
  | "start"
  | "unit"
  | "drop-in"
  | "reload"
  | "enable"
  | "shared"
  | "load"
  | "rules"
  | "forward"
  | "registry"
  | "data"
  | "mark"
  | "responder"
  | "ready"
  | "retire";

/** How a file differs from what it has to be, in sentences. */
export function differences(file: FileText, observed: Observed): readonly string[] {
  const there = observed.files.get(file.path);
  if (!there) return [`${file.path} is gone`];
  if (there.sha256 !== createHash("sha256").update(file.content).digest("hex")) return [`${file.path} was changed`];
  if (there.mode !== file.mode) return [`${file.path} has mode ${there.mode}, not ${file.mode}`];
  return there.uid === 0 ? [] : [`${file.path} belongs to uid ${there.uid}, not root`];
}
