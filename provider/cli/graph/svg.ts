import { plain, shortened } from "../status/table.ts";
import type { Box, Graph, GraphMood, Line, Node } from "./model.ts";

/** All in user units, a pixel unless scaled. */
const MARGIN = 24;
const EDGE_WIDTH = 290;
const HOST_WIDTH = 340;
const BETWEEN = 240;
const HEAD = 30;
const ROW = 42;
const BOX_GAP = 16;
const TITLE = 40;
/** Of a letter of 12 units in the fonts named below, on the safe side. */
const LETTER = 6.9;
/** Room on the right for lines between services. */
const LOOP = 90;

const INK = "#1f2933";
const FAINT = "#5f6c7b";
const COLOURS: Readonly<Record<GraphMood, string>> = {
  good: "#2e7d32",
  bad: "#c62828",
  odd: "#b26a00",
  unknown: "#9aa5b1",
};
/** Of lines, by mapping: told apart on white by people who see few colours too (Okabe and Ito). */
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

interface Placed {
  readonly node: Node;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Edges on the left, hosts on the right, lines from mappings to services. Pure; one file without scripts or fonts. */
export function renderSvg({ title, edges, hosts, lines }: Graph): string {
  const [left, right] = [heightOf(edges), heightOf(hosts)];
  const tall = Math.max(left, right, ROW);
  const hostX = edges.length === 0 ? MARGIN : MARGIN + EDGE_WIDTH + BETWEEN;
  const loops = lines.some(({ kind }) => kind === "connects") ? LOOP : 0;
  const width = hostX + HOST_WIDTH + loops + MARGIN;
  const height = TITLE + tall + MARGIN;
  // Beside the middle of what they lead to, not above it.
  const edgesAt = stacked(edges, MARGIN, EDGE_WIDTH, TITLE + (tall - left) / 2);
  const hostsAt = stacked(hosts, hostX, HOST_WIDTH, TITLE + (tall - right) / 2);
  const placed = new Map(
    [...edgesAt, ...hostsAt].flatMap(({ nodes }) => nodes.map((one) => [one.node.id, one] as const)),
  );
  const body = [
    `<text x="${MARGIN}" y="26" font-size="16" font-weight="600" fill="${INK}">${text(title, 100)}</text>`,
    ...[...edgesAt, ...hostsAt].flatMap(renderBox),
    ...renderLines(lines, placed),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" font-size="12">`,
    `<title>${text(title, 200)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

interface PlacedBox {
  readonly box: Box;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly Placed[];
}

function stacked(boxes: readonly Box[], x: number, width: number, top: number): readonly PlacedBox[] {
  let y = top;
  return boxes.map((box) => {
    const at = y;
    const height = boxHeight(box);
    y += height + BOX_GAP;
    const nodes = box.nodes.map((node, index) => ({ node, x: x + 8, y: at + HEAD + index * ROW, width: width - 16 }));
    return { box, x, y: at, width, height, nodes };
  });
}

function heightOf(boxes: readonly Box[]): number {
  return boxes.reduce((sum, box) => sum + boxHeight(box) + BOX_GAP, -BOX_GAP);
}

function boxHeight({ nodes }: Box): number {
  return HEAD + nodes.length * ROW + 4;
}

function renderBox({ box, x, y, width, height, nodes }: PlacedBox): readonly string[] {
  const stroke = box.mood === "bad" ? COLOURS.bad : "#cbd2d9";
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6" fill="#f5f7fa" stroke="${stroke}"/>`,
    `<text x="${x + 12}" y="${y + 20}" font-weight="600" fill="${FAINT}">${text(box.title, fitting(width - 24))}</text>`,
    ...nodes.flatMap(renderNode),
  ];
}

function renderNode({ node, x, y, width }: Placed): readonly string[] {
  const [name = "", ...more] = node.texts;
  const room = fitting(width - 30);
  return [
    `<rect x="${x}" y="${y}" width="${width}" height="${ROW - 6}" rx="4" fill="#ffffff" stroke="#cbd2d9"/>`,
    `<circle cx="${x + 12}" cy="${y + (ROW - 6) / 2}" r="4.5" fill="${COLOURS[node.mood]}"/>`,
    `<text x="${x + 24}" y="${y + (more.length > 0 ? 15 : 22)}" font-weight="600" fill="${INK}">${text(name, room)}</text>`,
    ...more.map(
      (line, index) =>
        `<text x="${x + 24}" y="${y + 29 + index * 13}" font-size="11" fill="${FAINT}">${text(line, room)}</text>`,
    ),
  ];
}

/** Several lines that end at one node end below one another. */
function renderLines(lines: readonly Line[], placed: ReadonlyMap<string, Placed>): readonly string[] {
  const sources = [...new Set(lines.map(({ from }) => from))];
  const ends = new Map<string, number>();
  return lines.flatMap((line) => {
    const [from, to] = [placed.get(line.from), placed.get(line.to)];
    if (!from || !to) return [];
    const colour = line.mood === "bad" ? COLOURS.bad : PALETTE[sources.indexOf(line.from) % PALETTE.length]!;
    const style = `fill="none" stroke="${colour}" stroke-width="1.6"${line.mood === "bad" || line.kind === "connects" ? ' stroke-dasharray="5 4"' : ""}`;
    if (line.kind === "connects") return renderLoop(line, from, to, style);
    const siblings = lines.filter(({ to: end, kind }) => end === line.to && kind === "backend").length;
    const nth = ends.get(line.to) ?? 0;
    ends.set(line.to, nth + 1);
    const [startX, startY] = [from.x + from.width, from.y + (ROW - 6) / 2];
    const [endX, endY] = [to.x, to.y + ((nth + 1) * (ROW - 6)) / (siblings + 1)];
    // The label is on the side that the line does not come from.
    const bend = (endX - startX) / 2;
    return [
      `<path d="M ${startX} ${startY} C ${startX + bend} ${startY}, ${endX - bend} ${endY}, ${endX} ${endY}" ${style}/>`,
      ...(siblings <= 2
        ? [renderLabel(endX - 14, endY > startY + 1 ? endY + 12 : endY - 4, "end", line.label, colour)]
        : []),
    ];
  });
}

/** Along the right, from one service to the other. */
function renderLoop(line: Line, from: Placed, to: Placed, style: string): readonly string[] {
  const [startX, startY] = [from.x + from.width, from.y + (ROW - 6) * 0.7];
  const [endX, endY] = [to.x + to.width, to.y + (ROW - 6) * 0.3];
  const out = Math.max(startX, endX) + LOOP - 20;
  return [
    `<path d="M ${startX} ${startY} C ${out} ${startY}, ${out} ${endY}, ${endX} ${endY}" ${style}/>`,
    renderLabel(endX + 12, endY - 3, "start", line.label, FAINT),
  ];
}

function renderLabel(x: number, y: number, anchor: "start" | "end", label: string, colour: string): string {
  const place = `x="${x}" y="${y}" text-anchor="${anchor}" font-size="10"`;
  return `<text ${place} fill="${colour}" stroke="#ffffff" stroke-width="3" paint-order="stroke">${text(label, 14)}</text>`;
}

function fitting(width: number): number {
  return Math.floor(width / LETTER);
}

/** Well-formed whatever the names are (XML 1.0, 2.2 and 2.4). */
function text(given: string, letters: number): string {
  return shortened(plain(given), letters)
    .replace(/[\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&apos;");
}
