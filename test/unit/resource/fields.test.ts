import { describe, expect, it } from "vitest";
import { diffConnection, diffFields, type FieldTable } from "../../../provider/resource/fields.ts";
import type { CommonInputs } from "../../../provider/resource/kind.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

interface Inputs extends CommonInputs {
  readonly siteName: string;
  readonly weight?: number;
  readonly tags?: readonly string[];
}

const table: FieldTable<Inputs> = {
  adopt: { effect: "none" },
  siteName: { effect: "replace" },
  weight: { effect: "update", note: (before, after) => `weight ${before} -> ${after} by the runtime API` },
  tags: { effect: "update" },
};

const connection = {
  host: "10.0.0.1",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};
const hidden = {
  schema: 1,
  name: "site",
  host: "web1",
  urn: "urn:pulumi:s::p::t::site",
  organization: "o",
  timeouts: {},
  replaceOnChanges: [],
} as const;
const inputs: Inputs = { connection, __jail: hidden, siteName: "site", weight: 100, tags: ["a"] };
const state = { ...inputs, drift: [], unfinished: false, claim: "c", hostId: "h" };
const none = { changes: false, replaces: [], deleteBeforeReplace: false, notes: [] };

describe("a diff by the table of fields", () => {
  it("finds no change between a state and its own inputs", () => {
    expect(diffFields(table, state, inputs)).toEqual(none);
  });

  it("tells in a note what a changed field will do", () => {
    expect(diffFields(table, state, { ...inputs, weight: 40 })).toEqual({
      ...none,
      changes: true,
      notes: ["weight 100 -> 40 by the runtime API"],
    });
  });

  it("replaces when the table says so", () => {
    expect(diffFields(table, state, { ...inputs, siteName: "other" })).toEqual({
      ...none,
      changes: true,
      replaces: ["siteName"],
    });
  });

  it("takes an unknown at any depth for a change and never for a replacement", () => {
    expect(diffFields(table, state, { ...inputs, siteName: UNKNOWN }).replaces).toEqual([]);
    expect(diffFields(table, state, { ...inputs, tags: ["a", UNKNOWN] })).toEqual({ ...none, changes: true });
    const allUnknown = { ...inputs, connection: UNKNOWN as unknown as typeof connection };
    expect(diffFields(table, state, allUnknown)).toEqual({ ...none, changes: true });
  });

  it("takes drift and unfinished work for changes, and tells them", () => {
    expect(diffFields(table, { ...state, drift: ["missing: /x"] }, inputs)).toEqual({
      ...none,
      changes: true,
      notes: ["drift: missing: /x"],
    });
    expect(diffFields(table, { ...state, unfinished: true }, inputs)).toEqual({
      ...none,
      changes: true,
      notes: ["goes on with what the last update left unfinished"],
    });
  });

  it("obeys replaceOnChanges, which the engine leaves to the diff", () => {
    const forced = { ...inputs, weight: 40, __jail: { ...hidden, replaceOnChanges: ["weight"] } };
    expect(diffFields(table, state, forced).replaces).toEqual(["weight"]);
    const all = { ...inputs, tags: ["b"], __jail: { ...hidden, replaceOnChanges: ["*"] } };
    expect(diffFields(table, state, all).replaces).toEqual(["tags"]);
  });
});

describe("a diff of connections", () => {
  it.each([
    ["nothing", {}, "none"],
    ["agentSocketPath", { agentSocketPath: "/run/agent" }, "none"],
    ["dialErrorLimit", { dialErrorLimit: 3 }, "none"],
    ["perDialTimeout", { perDialTimeout: 3 }, "none"],
    ["the Host's name", { name: "web1" }, "none"],
    ["host alone", { host: "10.0.0.2" }, "update"],
    ["hostKey alone", { hostKey: "ssh-ed25519 BBBB" }, "update"],
    ["host, with one key in common", { host: "10.0.0.2", hostKey: "ssh-rsa CC\nssh-ed25519 AAAA" }, "update"],
    ["host and hostKey", { host: "10.0.0.2", hostKey: "ssh-ed25519 BBBB" }, "replace"],
    ["port", { port: 2222 }, "update"],
    ["privateKey", { privateKey: "new" }, "update"],
    ["proxy", { proxy: connection }, "update"],
  ])("with a change of %s answers as the contract says", (_, change, effect) => {
    expect(diffConnection(connection, { ...connection, ...change })).toBe(effect);
  });
});
