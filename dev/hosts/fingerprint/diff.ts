import type { Fingerprint, Section } from "./types.ts";

/** Says in one line each what differs from one fingerprint to another; empty when nothing does. */
export function diffFingerprints(before: Fingerprint, after: Fingerprint): string[] {
  return (Object.keys(before) as (keyof Fingerprint)[]).flatMap((name) => diffSection(name, before[name], after[name]));
}

function diffSection(section: string, before: Section, after: Section): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [old, now] = [before[name], after[name]];
    if (old === undefined && now !== undefined) return [`${section}: ${name} is new${tell(now)}`];
    if (now === undefined && old !== undefined) return [`${section}: ${name} is gone${tell(old)}`];
    if (old === undefined || now === undefined) return [];
    const changes = diffParts(asParts(old), asParts(now));
    return changes.length === 0 ? [] : [`${section}: ${name} changed: ${changes.join(", ")}`];
  });
}

function diffParts(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name === "" ? "" : `${name} `}${quote(before[name])} -> ${quote(after[name])}`);
}

function asParts(value: string | Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return typeof value === "string" ? { "": value } : value;
}

function tell(value: string | Readonly<Record<string, string>>): string {
  const text = Object.entries(asParts(value))
    .filter(([, part]) => part !== "")
    .map(([name, part]) => (name === "" ? part : `${name} ${part}`))
    .join(", ");
  return text === "" ? "" : ` (${text})`;
}

function quote(text: string | undefined): string {
  return text === undefined ? "(none)" : text === "" ? '""' : text;
}
