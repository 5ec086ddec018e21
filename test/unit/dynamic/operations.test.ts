import { describe, expect, it } from "vitest";
import { check, create, diff, type Kind, read, remove, update } from "../../../provider/dynamic/operations.ts";
import { HostError, StepFailed } from "../../../provider/host/errors.ts";
import { type Call, Unfinished } from "../../../provider/resource/kind.ts";

const connection = { host: "127.0.0.1", hostKey: "ssh-ed25519 AAAA" };
const hidden = {
  schema: 1,
  name: "web",
  host: "web1",
  urn: "urn:pulumi:dev::shop::pulumi-nodejs:dynamic/jail:Jail::web",
  organization: "acme",
  timeouts: { create: 90 },
  replaceOnChanges: [],
};
const news = { connection, __jail: hidden, __provider: "code" };
const outputs = { drift: [], unfinished: false, claim: "c1", hostId: "m1" };
const state = { ...news, ...outputs };

describe("an operation on a kind of resource", () => {
  it("checks the connection together with the kind's own inputs", async () => {
    const failing = kindWith({
      check: (_, given) => ({ inputs: given as never, failures: [{ property: "unit", reason: "is odd" }] }),
    });
    const checked = await check(failing, undefined, { ...news, connection: { host: "127.0.0.1" } });
    expect(checked.failures.map((failure) => failure.property)).toEqual(["connection.hostKey", "unit"]);
  });

  it("creates under a fresh claim, with the owner read from the URN and the user's timeout", async () => {
    const calls: Call[] = [];
    const kind = kindWith({
      converge: async (call) => {
        calls.push(call);
        return { ...outputs, claim: call.owner.claim };
      },
    });
    const first = await create(kind, news);
    await create(kind, news);
    expect(first.id).toBe("web");
    expect(calls[0]?.owner).toMatchObject({ organization: "acme", project: "shop", stack: "dev", urn: hidden.urn });
    expect(calls[0]?.deadlineSeconds).toBe(90);
    expect(calls[0]?.owner.claim).not.toBe(calls[1]?.owner.claim);
  });

  it("keeps a half-done create in the state with its id, true outputs, reasons and provider text", async () => {
    const kind = kindWith({
      converge: async () => {
        throw new Unfinished({ ...outputs, generation: "" }, ["apache2 did not start", "AH00526: Syntax error"]);
      },
    });
    const error = await create(kind, news).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      id: "web",
      reasons: ["apache2 did not start", "AH00526: Syntax error"],
      properties: { __provider: "code", unfinished: true, generation: "", claim: "c1" },
    });
  });

  it("looks again, once, when another run changed the object between the look and the lock", async () => {
    const changed = () =>
      new StepFailed("web1", {
        stepIndex: 0,
        describe: "checking",
        step: "expect-file",
        exitCode: 3,
        output: "",
        stderr: "",
        kind: "foreign",
      });
    let looks = 0;
    const late = kindWith({
      converge: async () => {
        if (++looks === 1) throw changed();
        return outputs;
      },
    });
    await create(late, news);
    expect(looks).toBe(2);
    const never = kindWith({
      remove: async () => {
        looks++;
        throw changed();
      },
    });
    looks = 0;
    await expect(remove(never, "web", state)).rejects.toThrow("checking failed");
    expect(looks).toBe(2);
  });

  it("updates under the claim of the state and clears unfinished", async () => {
    const calls: Call[] = [];
    const kind = kindWith({
      converge: async (call) => {
        calls.push(call);
        return { ...outputs, unfinished: true };
      },
    });
    const { outs } = await update(kind, "web", { ...state, claim: "kept" }, news);
    expect(calls[0]?.owner.claim).toBe("kept");
    expect(outs["unfinished"]).toBe(false);
  });

  it("reads without returning inputs, and answers gone only when the kind says so", async () => {
    const there = kindWith({ read: async () => ({ ...outputs, drift: ["missing: /x"] }) });
    expect(await read(there, "web", state)).toEqual({
      id: "web",
      props: { connection, __jail: hidden, ...outputs, drift: ["missing: /x"] },
    });
    expect(await read(kindWith({ read: async () => undefined }), "web", state)).toEqual({});
  });

  it("never takes an unreachable host for a deleted resource, unless the environment names the host", async () => {
    const unreachable = new HostError("unreachable", "web1", "no answer");
    const kind = kindWith({
      read: async () => Promise.reject(unreachable),
      remove: async () => Promise.reject(unreachable),
    });
    await expect(read(kind, "web", state)).rejects.toThrow("no answer");
    await expect(remove(kind, "web", state)).rejects.toThrow("PULUMI_JAIL_DELETE_UNREACHABLE=web1");
    process.env["PULUMI_JAIL_DELETE_UNREACHABLE"] = "other,web1";
    try {
      expect(await read(kind, "web", state)).toEqual({});
      await expect(remove(kind, "web", state)).resolves.toBeUndefined();
    } finally {
      delete process.env["PULUMI_JAIL_DELETE_UNREACHABLE"];
    }
  });

  it("passes a diff on and hides the provider's text from the kind", async () => {
    const seen: unknown[] = [];
    const kind = kindWith({
      diff: (olds, given) => {
        seen.push(olds, given);
        return { changes: true, replaces: ["unit"], deleteBeforeReplace: false, notes: [] };
      },
    });
    expect(await diff(kind, "web", state, news)).toEqual({
      changes: true,
      replaces: ["unit"],
      deleteBeforeReplace: false,
    });
    for (const properties of seen) expect(properties).not.toHaveProperty("__provider");
  });
});

function kindWith(some: Partial<Kind>): Kind {
  return {
    kind: "jail",
    check: (_, given) => ({ inputs: given as never, failures: [] }),
    diff: () => ({ changes: false, replaces: [], deleteBeforeReplace: false, notes: [] }),
    id: () => "web",
    read: async () => outputs,
    converge: async () => outputs,
    remove: async () => undefined,
    ...some,
  };
}
