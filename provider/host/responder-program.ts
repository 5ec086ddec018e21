import { readFileSync } from "node:fs";
import { join } from "node:path";

const texts = new Map<string, string>();

/** The responder's program as it lies on hosts (scripts/responder.pl): constant, nothing of it from the user. */
export function responderProgram(): string {
  return programText("responder.pl");
}

/** What asks hosts with an snmpd, as it lies on edges (scripts/snmp.pl). */
export function snmpProgram(): string {
  return programText("snmp.pl");
}

function programText(name: string): string {
  const text = texts.get(name) ?? readFileSync(join(__dirname, "scripts", name), "utf8");
  texts.set(name, text);
  return text;
}
