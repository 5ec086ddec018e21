import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { conflictOf, conflictsWithForward, disagreements } from "../../../provider/haproxy/conflict.ts";
import type { Mapping } from "../../../provider/haproxy/mapping.ts";
import { checkPortMapping } from "../../../provider/port-mapping/check.ts";
import { mappingOf } from "../../../provider/port-mapping/desired.ts";

const PROGRAM = join(import.meta.dirname, "port-mapping-program.ts");
const blocks = [...readFileSync("docs/port-mapping.md", "utf8").matchAll(/```ts\n([\s\S]*?)```/g)].map(
  ([, text]) => text!,
);
const given = new Map<string, Readonly<Record<string, unknown>>>();

beforeAll(async () => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => {
      given.set(name, open(inputs) as Readonly<Record<string, unknown>>);
      return { id: name, state: inputs };
    },
    call: () => ({}),
  });
  await import(PROGRAM);
  // Registrations go on by themselves; vitest's deadline ends this when one never comes.
  const wanted = namesIn(readFileSync(PROGRAM, "utf8")).length;
  while (given.size < wanted) await new Promise((resolve) => setTimeout(resolve, 10));
});

test("the page and the program that is checked here are the same", () => {
  const program = readFileSync(PROGRAM, "utf8");
  for (const block of blocks.slice(1)) expect(program).toContain(block);
  expect(namesIn(blocks.join(""))).toEqual(namesIn(program));
});

test("every mapping of the page passes its check, without a warning", () => {
  for (const [name, inputs] of given) {
    const { failures, warnings } = checkPortMapping(undefined, inputs);
    expect([name, failures, warnings]).toEqual([name, [], []]);
  }
});

test("the mappings of the page stand beside each other on one edge", () => {
  const checked = [...given.values()].map((inputs) => checkPortMapping(undefined, inputs).inputs);
  const proxied = checked.filter(({ engine }) => engine === "haproxy").map(mappingOf);
  const clashes = proxied.flatMap((mine, index) =>
    proxied.slice(index + 1).map((other) => conflictOf(mine, other) ?? disagreements(mine, other)[0]?.option),
  );
  expect(clashes.filter((clash) => clash !== undefined)).toEqual([]);
  const forwarded = checked.filter(({ engine }) => engine === "nftables");
  const overlaps = forwarded.flatMap(({ mappingName, mode, address, bindPort }) =>
    proxied.map((mapping: Mapping) =>
      conflictsWithForward(mapping, { name: mappingName, protocol: mode, address, bindPort }),
    ),
  );
  expect(overlaps.filter((clash) => clash !== undefined)).toEqual([]);
});

function namesIn(program: string): readonly string[] {
  return [...program.matchAll(/new PortMapping\("([a-z-]+)"/g)].map(([, name]) => name!);
}

/** The mock monitor marks secrets; the engine gives plain text. */
function open(value: unknown): unknown {
  const plain = pulumi.runtime.unwrapRpcSecret(value);
  if (Array.isArray(plain)) return plain.map(open);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, open(inner)]));
}
