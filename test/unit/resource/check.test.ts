import * as v from "valibot";
import { describe, expect, it } from "vitest";
import {
  absolutePathSchema,
  failuresOf,
  known,
  nameSchema,
  renderPath,
  shown,
} from "../../../provider/resource/check.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

const schema = v.object({
  name: nameSchema(),
  include: known(v.array(absolutePathSchema())),
  ports: known(v.record(v.string(), known(v.object({ hostPort: known(v.number("is not a number")) })))),
});

describe("the failures of a check", () => {
  it("come all at once, each with its exact path", () => {
    const failures = failuresOf(schema, {
      name: "a;b",
      include: ["/ok", "etc", "/a/../b"],
      ports: { http: { hostPort: "x" } },
    });
    expect(failures).toEqual([
      { property: "name", reason: '";" is not allowed; use a-z, 0-9 and "-", at most 40' },
      { property: "include[1]", reason: '"etc" is not an absolute path' },
      { property: "include[2]", reason: '"/a/../b" has "..", an empty part or a control character' },
      { property: "ports.http.hostPort", reason: "is not a number" },
    ]);
  });

  it.each([
    { name: UNKNOWN, include: UNKNOWN, ports: UNKNOWN },
    { name: "a", include: [UNKNOWN], ports: { http: UNKNOWN } },
    { name: "a", include: [], ports: { http: { hostPort: UNKNOWN } } },
  ])("are none for unknown values at any depth: %j", (candidate) => {
    expect(failuresOf(schema, candidate)).toEqual([]);
  });

  it.each([["/a\nb"], ["/a//b"], ["/a/"], ["relative"], ["/.."]])("refuse the path %j", (path) => {
    expect(failuresOf(absolutePathSchema(), path)).not.toEqual([]);
  });

  it("write paths as one would in the program", () => {
    expect(renderPath(["files", "/etc/passwd", "mode"])).toBe('files["/etc/passwd"].mode');
    expect(renderPath(["include", 2])).toBe("include[2]");
  });

  it("cut long values", () => {
    expect(shown("x".repeat(100))).toHaveLength(60);
  });
});
