import { describe, expect, it } from "vitest";
import { bytes, median, pairRatios, seconds, whole, withSpread } from "../../../bench/figures.ts";
import { renderReport, table } from "../../../bench/table.ts";

describe("figures", () => {
  it.each([
    [[3], 3],
    [[10, 2, 3], 3],
    [[10, 2, 3, 4], 3.5],
  ])("has the middle of %j as median", (values, middle) => {
    expect(median(values)).toBe(middle);
  });

  it("has no median of nothing", () => {
    expect(median([])).toBeNaN();
  });

  it("takes ratios within a pair and refuses what is not paired", () => {
    expect(pairRatios([90, 50], [100, 100])).toEqual([0.9, 0.5]);
    expect(() => pairRatios([1], [])).toThrow("make no pairs");
  });

  it("shows the whole spread beside the median", () => {
    expect(withSpread([0.9, 0.8, 0.95])).toBe("0.90 (0.80 to 0.95)");
  });

  it("shows amounts as a reader compares them", () => {
    expect([bytes(999), bytes(5_249), bytes(5_200_000), seconds(3_419), whole(3953.4)]).toEqual([
      "999 B",
      "5.2 KB",
      "5.2 MB",
      "3.42 s",
      "3,953",
    ]);
  });
});

describe("a report", () => {
  it("begins with the targets and says which is not met", () => {
    const targets = [
      { name: "size", target: "at most 6 MB", figure: "5.2 MB", met: true },
      { name: "files", target: "at most 100", figure: "101", met: false },
    ];
    expect(renderReport({ title: "Jail", targets, body: ["Words."] })).toBe(`# Jail

| target | to reach | measured |  |
| --- | --- | --- | --- |
| size | at most 6 MB | 5.2 MB | met |
| files | at most 100 | 101 | **not met** |

Words.
`);
  });

  it("has no empty table when nothing is promised", () => {
    expect(renderReport({ title: "Memory", targets: [], body: ["Words."] })).toBe("# Memory\n\nWords.\n");
  });

  it("keeps a table whole when a cell has a bar", () => {
    expect(table(["a"], [["x|y"]])).toBe("| a |\n| --- |\n| x\\|y |");
  });
});
