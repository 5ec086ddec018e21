import fc from "fast-check";
import { expect, test } from "vitest";
import { remoteCommand, renderApply, renderAsk } from "../../../provider/host/request.ts";

const question = (args: readonly string[], content?: string) => ({ ask: "files", args, content, parse: String });
const plan = { lock: "jail/web", urn: "urn:pulumi:dev::p::t::web", steps: [] };

/** The data behind the script, as the host's shell finds it: by the lengths alone. */
function dataOf(request: Buffer): string {
  const scriptAt = request.indexOf(10) + 1;
  const lengthAt = scriptAt + Number(request.toString("latin1", 0, scriptAt - 1));
  const dataAt = request.indexOf(10, lengthAt) + 1;
  expect(request.length - dataAt).toBe(Number(request.toString("latin1", lengthAt, dataAt - 1)));
  return request.toString("utf8", dataAt);
}

test("a question travels as name, counts, arguments and content", () => {
  const data = dataOf(renderAsk("n", [question(["/a b", "", "-x", "$(id)"], "line\nü"), question([])]));
  expect(data).toBe("n\n2\nfiles 4 7\n/a b\n\n-x\n$(id)\nline\nüfiles 0 -\n");
});

test("a plan travels with operation, lock, URN, deadline and boot", () => {
  const steps = [{ step: "remove-file", args: ["/x"], describe: "removing" }];
  const request = renderApply("n", { id: "op", bootId: "b" }, { ...plan, deadlineSeconds: 1.5, steps });
  expect(dataOf(request)).toBe(`n\nop\njail.web\n${plan.urn}\n2\nb\n1\nremove_file 1 -\n/x\n`);
  expect(dataOf(renderApply("n", { id: "op" }, { ...plan, lock: "host" }))).toBe(
    `n\nop\nhost\n${plan.urn}\n600\n-\n0\n`,
  );
});

test("a newline or NUL in an argument, a bad name and a bad lock are refused", () => {
  for (const bad of ["a\nb", "a\0b"]) expect(() => renderAsk("n", [question([bad])])).toThrow("newline or NUL");
  expect(() => renderAsk("n", [{ ...question([]), ask: "files;id" }])).toThrow();
  expect(() => renderApply("n", { id: "x" }, { ...plan, lock: "jail/../x" })).toThrow("lock");
  expect(() => renderApply("n", { id: "x" }, { ...plan, urn: "a\nb" })).toThrow("newline or NUL");
});

test("no argument and no content ever becomes part of the script", () => {
  const scriptOf = (request: Buffer) => {
    const scriptAt = request.indexOf(10) + 1;
    return request.toString("utf8", scriptAt, scriptAt + Number(request.toString("latin1", 0, scriptAt - 1)));
  };
  const constant = scriptOf(renderAsk("n", [question([])]));
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: "binary" }).filter((s) => !/[\n\0]/.test(s))),
      fc.string(),
      (args, content) => {
        expect(scriptOf(renderAsk("n", [question(args, content)]))).toBe(constant);
      },
    ),
  );
});

test("the remote command is a constant without what any login shell would expand", () => {
  expect(remoteCommand).toMatch(/^\/bin\/sh -c '[^'!\\\n]*'$/);
});

test("only the scripts that are needed travel", () => {
  const request = renderAsk("n", [question([])]).toString();
  expect(request).toContain("ask_files()");
  expect(request).not.toContain("ask_units()");
  expect(request).not.toContain("step_write_file()");
});
