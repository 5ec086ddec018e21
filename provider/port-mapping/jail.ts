import { describeFindings, type Finding, parseFindings } from "../generation/findings.ts";
import { judgeRepair, mendSteps } from "../generation/repair.ts";
import { describeStale, parseStale, type StalePackage } from "../generation/stale.ts";
import type { Question } from "../host/question.ts";
import type { Step } from "../host/step.ts";
import type { Call } from "../resource/kind.ts";
import { buildJail } from "./jail-build.ts";
import { EDGE_JAIL_BASE } from "./unit.ts";

/** The jail of the edge's own HAProxy, as it lies there. */
export interface FoundJail {
  readonly digest: string;
  readonly findings: readonly Finding[];
  readonly stale: readonly StalePackage[];
}

/** The jail that the unit names, or one that is there; its files compared in the same round trip. */
export function observeJail(): Question<FoundJail | undefined> {
  return { ask: "edge-jail", args: [], parse: parseJail };
}

function parseJail(text: string): FoundJail | undefined {
  if (text === "") return undefined;
  const [digest = "", ...lines] = text.split("\n");
  const isStale = (line: string) => line.startsWith("stale ");
  return {
    digest,
    findings: parseFindings(lines.filter((line) => !isStale(line)).join("\n")),
    stale: parseStale(lines.filter(isStale).map((line) => line.slice("stale ".length))),
  };
}

/** What is not as it was built, a sentence each. */
export function driftOfJail(found: FoundJail | undefined): readonly string[] {
  if (!found) return ["HAProxy's jail is gone"];
  const sentences = [...describeFindings(found.findings, found.digest), ...found.stale.map(describeStale)];
  return sentences.map((sentence) => `HAProxy's jail: ${sentence}`);
}

export interface PlannedJail {
  readonly digest: string;
  readonly steps: readonly Step[];
}

/** The steps to a sound jail; none when it is. Where bytes are lost or packages are old, it is traced anew. */
export async function planJail(call: Call, mappingName: string, found: FoundJail | undefined): Promise<PlannedJail> {
  const renew = found?.stale.map(({ name }) => name) ?? [];
  if (renew.length > 0) return buildJail(call, mappingName, renew);
  const repair = found ? judgeRepair(found.findings, new Set()) : "rebuild";
  if (found && repair === "nothing") return { digest: found.digest, steps: [] };
  if (found && repair === "mend")
    return { digest: found.digest, steps: mendSteps(EDGE_JAIL_BASE, found.digest, found.findings, new Map()) };
  return buildJail(call, mappingName, []);
}
