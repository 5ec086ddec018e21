import { plain } from "../status/table.ts";
import type { Box, Graph, GraphMood, Line } from "./model.ts";

/** A flowchart as GitHub, GitLab and others draw it from a Markdown file (mermaid.js.org). Pure. */
export function renderMermaid({ edges, hosts, lines }: Graph): string {
  const boxes = [...edges, ...hosts];
  const moods = boxes.flatMap(({ nodes }) => nodes).filter(({ mood }) => mood !== "unknown");
  const broken = lines.flatMap(({ mood }, index) => (mood === "bad" ? [index] : []));
  return [
    "flowchart LR",
    ...boxes.flatMap(renderBox),
    ...lines.map(renderLine),
    ...[...new Set(moods.map(({ mood }) => mood))].map((mood) => `  classDef ${mood} ${STYLES[mood]}`),
    ...moods.map(({ id, mood }) => `  class ${id} ${mood}`),
    ...(broken.length > 0 ? [`  linkStyle ${broken.join(",")} stroke:#c62828,stroke-dasharray:5 4`] : []),
    "",
  ].join("\n");
}

const STYLES: Readonly<Record<GraphMood, string>> = {
  good: "stroke:#2e7d32,stroke-width:2px",
  bad: "stroke:#c62828,stroke-width:2px",
  odd: "stroke:#b26a00,stroke-width:2px",
  unknown: "",
};

function renderBox({ id, title, nodes }: Box): readonly string[] {
  return [
    `  subgraph ${id}["${escaped(title)}"]`,
    ...nodes.map((node) => `    ${node.id}["${node.texts.map(escaped).join("<br>")}"]`),
    "  end",
  ];
}

function renderLine({ from, to, kind, label }: Line): string {
  return `  ${from} ${kind === "connects" ? "-.->" : "-->"}|"${escaped(label)}"| ${to}`;
}

/** By entity codes, as Mermaid has them: whatever is no plain letter there could end a label or begin a directive. */
function escaped(text: string): string {
  return plain(text).replace(/[^A-Za-z0-9 ._:/,-]/gu, (letter) => `#${letter.codePointAt(0)};`);
}
