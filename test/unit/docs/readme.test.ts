import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

it("the README shows the example that runs, word for word, as its first program", () => {
  const readme = readFileSync("README.md", "utf8");
  const program = readme.match(/```ts\n([\s\S]*?)```/)?.[1];
  expect(program).toBe(readFileSync("examples/apache/index.ts", "utf8"));
});
