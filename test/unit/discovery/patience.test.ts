import { describe, expect, test } from "vitest";
import { patienceOf, secondsOf } from "../../../provider/discovery/patience.ts";

describe("a unit's patience with its daemon", () => {
  test("is taken over where it guards data", () => {
    expect(patienceOf({ TimeoutStartSec: "900", TimeoutStopSec: "15min", SendSIGKILL: "no" })).toEqual({
      timeoutStartSeconds: 900,
      timeoutStopSeconds: 900,
      sendSIGKILL: false,
    });
    expect(patienceOf({ TimeoutSec: "0", OOMScoreAdjust: "-900", LimitMEMLOCK: "infinity" })).toEqual({
      timeoutStartSeconds: 0,
      timeoutStopSeconds: 0,
      oomScoreAdjust: -900,
      limitMEMLOCK: "infinity",
    });
  });

  test("is nothing where the unit says nothing, or the default", () => {
    expect(patienceOf({ Type: "notify", SendSIGKILL: "yes", OOMScoreAdjust: "", LimitMEMLOCK: "much" })).toEqual({});
  });

  test.each([
    ["90", 90],
    ["1min 30s", 90],
    ["2h5m", 7500],
    ["500ms", 1],
    ["infinity", 0],
    ["", undefined],
    ["soon", undefined],
    ["5 parsecs", undefined],
  ])("reads the time span %j as %s seconds", (span, seconds) => {
    expect(secondsOf(span)).toBe(seconds);
  });
});
