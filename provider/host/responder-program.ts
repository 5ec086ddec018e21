import { readFileSync } from "node:fs";
import { join } from "node:path";

let text: string | undefined;

/** The responder's program as it lies on hosts (scripts/responder.pl): constant, nothing of it from the user. */
export function responderProgram(): string {
  text ??= readFileSync(join(__dirname, "scripts", "responder.pl"), "utf8");
  return text;
}
