import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  environmentAssignment,
  execArgument,
  execLine,
  isPlainPath,
  plainPath,
  plainValue,
} from "../../../provider/systemd/escape.ts";

describe("an argument", () => {
  test.each([
    ["plain", '"plain"'],
    ["a b", '"a b"'],
    ['say "x"', '"say \\"x\\""'],
    ["back\\slash\\", '"back\\\\slash\\\\"'],
    ["100%", '"100%%"'],
    ["$HOME $(X) $$", '"$$HOME $$(X) $$$$"'],
    ["", '""'],
    [";", '";"'],
  ])("%j is written %s", (given, written) => expect(execArgument(given)).toBe(written));

  test("comes back from systemd's own rules as it was given, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: what is refused
        if (/[\x00-\x08\x0a-\x1f\x7f]/.test(text)) expect(() => execArgument(text)).toThrow(/control character/);
        else expect(readArgument(execArgument(text))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test.each(["a\nExecStart=/bin/sh", "a\0b", "a\rb"])("%j is refused", (given) => {
    expect(() => execArgument(given)).toThrow(/control character/);
  });
});

test("a line begins with an absolute path, so that no prefix of systemd's can come from a user", () => {
  expect(execLine(["/usr/sbin/daemon", "-x", "a b"])).toBe('/usr/sbin/daemon "-x" "a b"');
  expect(execLine(["/opt/a b/x"])).toBe('"/opt/a b/x"');
  for (const program of ["+/bin/sh", "-/bin/sh", "!/bin/sh", "@/bin/sh", ":/bin/sh", "daemon", ""])
    expect(() => execLine([program])).toThrow(/absolute path/);
});

test("a variable's value keeps its dollars", () => {
  expect(environmentAssignment("A", 'x $HOME 5% "q"')).toBe('"A=x $HOME 5%% \\"q\\""');
  expect(() => environmentAssignment("A=B", "x")).toThrow(/no name of a variable/);
});

test("a plain value can't go on in the next line", () => {
  expect(plainValue("50% done")).toBe("50%% done");
  expect(() => plainValue("x\\")).toThrow(/backslash/);
});

test("an Exec line's arguments may name the place of credentials, and expand nothing else", () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: systemd's own syntax
  const line = execLine(["/x", "--file=${CREDENTIALS_DIRECTORY}/a", "$${CREDENTIALS_DIRECTORY}", "${HOME} $HOME"]);
  expect(line).toBe('/x "--file=${CREDENTIALS_DIRECTORY}/a" "$$${CREDENTIALS_DIRECTORY}" "$${HOME} $$HOME"');
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: systemd's own syntax
});

test.each(["/a:b", "/a b", '/a"b', "/a\\b", "relative", "/a/../b", "/a//b", "/a/", "/a\nb", "/a$b"])(
  "the path %j is refused",
  (path) => {
    expect(isPlainPath(path)).toBe(false);
    expect(() => plainPath(path)).toThrow();
  },
);

/** systemd.syntax(7) and systemd.service(5), the other way round: quotes, C escapes, specifiers, variables. */
function readArgument(written: string): string {
  return written
    .slice(1, -1)
    .replaceAll(/\\(.)/g, "$1")
    .replaceAll("%%", "%")
    .replaceAll("$$", () => "$");
}
