import { expect, test } from "vitest";
import { indexScripts, programFor } from "../../../provider/host/scripts.ts";

test("a file brings the files whose functions it mentions", () => {
  const index = indexScripts(
    new Map([
      ["a.sh", "one() { two; }\n"],
      ["b.sh", "two() { :; }\n"],
      ["c.sh", "three() { :; }\n"],
    ]),
  );
  expect(index.needs.get("a.sh")).toEqual(["b.sh"]);
  expect(index.needs.get("b.sh")).toEqual([]);
});

test("two files that define one function are refused", () => {
  expect(() =>
    indexScripts(
      new Map([
        ["a.sh", "one() { :; }\n"],
        ["b.sh", "one() { :; }\n"],
      ]),
    ),
  ).toThrow("both define one()");
});

test("an unknown question or step is refused before anything is sent", () => {
  expect(() => programFor("ask", ["no-such-thing"])).toThrow("question no-such-thing");
  expect(() => programFor("apply", ["files"])).toThrow("step files");
});

test("each program begins with the prelude and ends with its main part", () => {
  const program = programFor("apply", ["write-file"]);
  expect(program).toMatch(/^# shellcheck shell=sh\n# What every script/);
  expect(program).toMatch(/\nmain_apply\n$/);
});

test("a comment or a program within a script brings no file", () => {
  const index = indexScripts(
    new Map([
      ["a.sh", "# as two does\none() {\n  cat <<'PERL'\nthree();\nPERL\n}\n"],
      ["b.sh", "two() { :; }\n"],
      ["c.sh", "cat <<'SCRIPT'\nfour() { :; }\nSCRIPT\nthree() { four; }\n"],
    ]),
  );
  expect(index.needs.get("a.sh")).toEqual([]);
  expect([...index.definedIn.keys()].sort()).toEqual(["one", "three", "two"]);
});

test("looking at a jail takes the scripts that look, not those that build", () => {
  const program = programFor("ask", ["jail", "machine"]);
  expect(program).toContain("ask_generation()");
  expect(program).not.toContain("step_open_build_root()");
  expect(program.length).toBeLessThan(50_000);
});
