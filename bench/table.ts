/** One promise with what was measured: a row of a section's first table. */
export interface Target {
  readonly name: string;
  /** What is to be reached, in words: `at most 1.5 s`. */
  readonly target: string;
  /** What was measured, as shown. */
  readonly figure: string;
  readonly met: boolean;
}

/** What a section found, ready to be printed and written. */
export interface Report {
  readonly title: string;
  readonly targets: readonly Target[];
  /** Markdown below the targets: more tables, and what exactly was counted. */
  readonly body: readonly string[];
}

/** A table in Markdown; a bar or a line break inside a cell does no harm. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`);
  return lines.join("\n");
}

/** The whole report in Markdown: targets first, as they are what is looked for. */
export function renderReport(report: Report): string {
  const targets = table(
    ["target", "to reach", "measured", ""],
    report.targets.map(({ name, target, figure, met }) => [name, target, figure, met ? "met" : "**not met**"]),
  );
  const parts = report.targets.length === 0 ? report.body : [targets, ...report.body];
  return `# ${report.title}\n\n${parts.join("\n\n")}\n`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}
