import { describe, expect, test } from "vitest";
import { renderMermaid } from "../../../provider/cli/graph/mermaid.ts";
import { graphOf } from "../../../provider/cli/graph/model.ts";
import { renderSvg } from "../../../provider/cli/graph/svg.ts";
import { answered, answerOf, hostileNames, stackOf, statusOf } from "../../support/status.ts";

const names = (count: number) => Array.from({ length: count }, (_, index) => `web${index + 1}`);
const seen = (count: number, sick: readonly number[] = []) =>
  graphOf(statusOf(stackOf(names(count)), (_, index) => answered(answerOf(index, index === 0 ? count : 0, sick))));

describe("a graph in Mermaid", () => {
  test("of a state shows edges, hosts, services and what leads where", () => {
    expect(renderMermaid(graphOf(statusOf(stackOf(names(2)), () => undefined)))).toBe(`flowchart LR
  subgraph e0["edge web1"]
    m0["site<br>http://10.0.0.1/"]
  end
  subgraph h0["web1 #183; 10.0.0.1"]
    s0["web<br>apache cc50819f #183; http 20128"]
  end
  subgraph h1["web2 #183; 10.0.0.2"]
    s1["web<br>apache cc50819f #183; http 20129"]
  end
  m0 -->|"100"| s0
  m0 -->|"100"| s1
  s1 -.->|"sibling"| s0
`);
  });

  test("shows health where the hosts were asked", () => {
    const text = renderMermaid(seen(2, [1]));
    expect(text).toContain("  class s0 good\n  class s1 good\n  linkStyle 1 stroke:#c62828");
    expect(text).toContain("  class m0 odd\n");
  });

  test("lets no name end its label", () => {
    const text = renderMermaid(graphOf(statusOf(stackOf(hostileNames), () => undefined)));
    const line =
      /^(flowchart LR| {2}end| {2}subgraph \w+\["[^"]*"\]| {4}\w+\["[^"]*"\]| {2}\w+ -\.?->\|"[^"]*"\| \w+|)$/;
    expect(text.split("\n").filter((one) => !line.test(one))).toEqual([]);
    expect(text).not.toMatch(/<script|%%|`/);
  });
});

describe("a graph in SVG", () => {
  test.each([3, 20])("of %i hosts is well-formed and has every node and line in its picture", (count) => {
    const svg = renderSvg(seen(count));
    expect(mistakesOf(svg)).toEqual([]);
    const [, width, height] = /width="(\d+)" height="(\d+)"/.exec(svg)!.map(Number) as [number, number, number];
    const rects = [...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g)].map(
      ([, ...box]) => box.map(Number) as [number, number, number, number],
    );
    // Two for each host and its service, two for the edge and its mapping.
    expect(rects).toHaveLength(2 * count + 2);
    expect(rects.filter(([x, y, w, h]) => x + w > width || y + h > height || x < 0 || y < 0)).toEqual([]);
    // To each service, and one between services.
    expect(svg.match(/<path /g)).toHaveLength(count + 1);
  });

  test("shows what is down by colour and by a broken line", () => {
    expect(renderSvg(seen(3, [2])).match(/stroke="#c62828" stroke-width="1.6" stroke-dasharray/g)).toHaveLength(1);
    expect(renderSvg(seen(3))).not.toContain("#c62828");
  });

  test("is well-formed whatever the names are", () => {
    const svg = renderSvg(graphOf(statusOf(stackOf(hostileNames, "<&>"), () => ({ error: "<x>" }))));
    expect(mistakesOf(svg)).toEqual([]);
    expect(svg).toContain("&lt;/text&gt;&lt;script&gt;");
    expect(svg).not.toContain("<script");
    // The control: this would be seen.
    expect(mistakesOf(svg.replace("&lt;/text", "</text"))).not.toEqual([]);
    expect(mistakesOf(svg.replace("&amp;", "&"))).not.toEqual([]);
  });
});

/** What keeps a text from being well-formed XML, as far as such a picture can go wrong. */
function mistakesOf(xml: string): readonly string[] {
  const open: string[] = [];
  const mistakes: string[] = [];
  let at = 0;
  for (const match of xml.matchAll(/<(\/?)(\w+)((?: [\w:-]+="[^"<]*")*)(\/?)>/g)) {
    mistakes.push(...mistakesOfText(xml.slice(at, match.index)), ...mistakesOfText(match[3] ?? ""));
    at = match.index + match[0].length;
    const [, closes, name = "", , closed] = match;
    if (closes && open.pop() !== name) mistakes.push(`</${name}> closes nothing`);
    if (!closes && !closed) open.push(name);
  }
  return [...mistakes, ...mistakesOfText(xml.slice(at)), ...open.map((name) => `<${name}> stays open`)];
}

function mistakesOfText(text: string): readonly string[] {
  return (
    text.match(/[<>]|&(?!(?:amp|lt|gt|quot|apos);)|[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu) ??
    []
  );
}
