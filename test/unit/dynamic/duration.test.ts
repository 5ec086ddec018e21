import { expect, it } from "vitest";
import { parseDuration } from "../../../provider/dynamic/duration.ts";

it.each([
  ["90s", 90],
  ["5m", 300],
  ["1h30m", 5400],
  ["1.5m", 90],
])("a custom timeout of %s is %d seconds", (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

it.each(["", "5", "5 m", "m", "5x"])("a custom timeout of %j is refused", (text) => {
  expect(() => parseDuration(text)).toThrow("is no duration");
});
