import { describe, expect, it } from "vitest";
import { judgeCreate, judgeUpdate, mayDelete, parseOwner, renderOwner } from "../../../provider/ownership/ownership.ts";

const mine = { organization: "o", project: "p", stack: "s", urn: "urn:pulumi:s::p::t::web" };
const ours = { state: "owned", owner: { ...mine, claim: "old" } } as const;
const theirs = { state: "owned", owner: { ...mine, stack: "t", urn: "urn:pulumi:t::p::t::web", claim: "x" } } as const;

describe("who may touch an object on a host", () => {
  it("lets create build on nothing, and take over its own URN under a new claim", () => {
    expect(judgeCreate({ state: "nothing" }, mine, "new", false)).toEqual({ verdict: "proceed", claim: "new" });
    expect(judgeCreate(ours, mine, "new", false)).toEqual({ verdict: "proceed", claim: "new" });
  });

  it("refuses another stack's object, naming the owner, unless adopt is given", () => {
    expect(judgeCreate(theirs, mine, "new", false)).toEqual({
      verdict: "refuse",
      reason: "it belongs to urn:pulumi:t::p::t::web (organization o); adopt: true takes it over",
    });
    expect(judgeCreate(theirs, mine, "new", true)).toEqual({ verdict: "proceed", claim: "new" });
  });

  it("always refuses what carries no mark", () => {
    for (const adopt of [false, true]) {
      expect(judgeCreate({ state: "foreign" }, mine, "new", adopt).verdict).toBe("refuse");
      expect(judgeUpdate({ state: "foreign" }, mine, "old", adopt).verdict).toBe("refuse");
    }
  });

  it("lets update converge under its claim, even when the state was moved", () => {
    const moved = { ...mine, urn: "urn:pulumi:s::p::t::renamed" };
    expect(judgeUpdate(ours, moved, "old", false)).toEqual({ verdict: "proceed", claim: "old" });
    expect(judgeUpdate({ state: "nothing" }, mine, "old", false)).toEqual({ verdict: "proceed", claim: "old" });
  });

  it("refuses an update when another state took the object over", () => {
    expect(judgeUpdate(ours, mine, "stale", true).verdict).toBe("refuse");
    expect(judgeUpdate(theirs, mine, "old", false).verdict).toBe("refuse");
  });

  it("lets delete act on its own claim only", () => {
    expect(mayDelete(ours, "old")).toBe(true);
    expect(mayDelete(ours, "stale")).toBe(false);
    expect(mayDelete({ state: "nothing" }, "old")).toBe(false);
    expect(mayDelete({ state: "foreign" }, "old")).toBe(false);
  });

  it("reads its own mark back and calls anything else foreign", () => {
    expect(parseOwner(renderOwner(ours.owner))).toEqual(ours);
    expect(parseOwner(undefined)).toEqual({ state: "nothing" });
    for (const text of ["", "{}", "not json", '{"urn":"x"}']) expect(parseOwner(text)).toEqual({ state: "foreign" });
  });
});
