import type { Question } from "../host/question.ts";
import { type Finding, parseFindings } from "./findings.ts";

/**
 * Compares a generation with what was built, on the host itself: every path's kind, mode, owner, content, and what is
 * there besides. Only differences travel; no finding means that nothing differs.
 */
export function observeGeneration(base: string, digest: string): Question<readonly Finding[]> {
  return { ask: "generation", args: [base, digest], parse: parseFindings };
}
