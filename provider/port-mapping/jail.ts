import { describeFindings, type Finding, parseFindings } from "../generation/findings.ts";
import { judgeRepair, mendSteps } from "../generation/repair.ts";
import type { Question } from "../host/question.ts";
import type { Step } from "../host/step.ts";
import type { Call } from "../resource/kind.ts";
import { buildJail } from "./jail-build.ts";
import { EDGE_JAIL_BASE } from "./unit.ts";

/** The jail of the edge's own HAProxy, as it lies there. */
export interface FoundJail {
  readonly digest: string;
  readonly findings: readonly Finding[];
}

/** The jail that the unit names, or one that is there; its files compared in the same round trip. */
export function observeJail(): Question<FoundJail | undefined> {
  return { ask: "edge-jail", args: [], parse: parseJail };
}

function parseJail(text: string): FoundJail | undefined {
  if (text === "") return undefined;
  const end = text.indexOf("\n");
  return { digest: text.slice(0, end), findings: parseFindings(text.slice(end + 1)) };
}

/** What is not as it was built, a sentence each. */
export function driftOfJail(found: FoundJail | undefined): readonly string[] {
  if (!found) return ["HAProxy's jail is gone"];
  return describeFindings(found.findings, found.digest).map((finding) => `HAProxy's jail: ${finding}`);
}

export interface PlannedJail {
  readonly digest: string;
  readonly steps: readonly Step[];
}

/** The steps to a sound jail; none when it is. Where bytes are lost, the package is traced anew. */
export async function planJail(call: Call, mappingName: string, found: FoundJail | undefined): Promise<PlannedJail> {
  const repair = found ? judgeRepair(found.findings, new Set()) : "rebuild";
  if (found && repair === "nothing") return { digest: found.digest, steps: [] };
  if (found && repair === "mend")
    return { digest: found.digest, steps: mendSteps(EDGE_JAIL_BASE, found.digest, found.findings, new Map()) };
  return buildJail(call, mappingName);
}
