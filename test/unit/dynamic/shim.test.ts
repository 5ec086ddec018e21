import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";

/**
 * The text that lies in the state of every stack. A change of one of these digests is a diff of every resource of
 * every user: it must not happen by accident, and hardly ever on purpose.
 */
const digests: Readonly<Record<string, string>> = {
  jailShim: "c390e984ae01ecfb",
  portReservationShim: "2823a20a7209e48f",
  jailedServiceShim: "d30917c326d62a73",
  portMappingShim: "39ccd70b45b0a036",
};

const shims = createRequire(import.meta.url)("../../../dist/dynamic/shim.js") as Record<string, unknown>;

describe("the serialized shim", () => {
  it.each(Object.keys(digests))("%s is small, captures nothing and never changes", async (name) => {
    const shim = shims[name];
    const { text } = await pulumi.runtime.serializeFunction(() => shim);
    expect(text.length).toBeLessThan(6000);
    expect(text).toContain('require("pulumi-jail/lifecycle")');
    expect(createHash("sha256").update(text).digest("hex").slice(0, 16)).toBe(digests[name]);
  });

  it("is one for each kind", () => {
    expect(Object.keys(shims).sort()).toEqual(Object.keys(digests).sort());
  });
});
