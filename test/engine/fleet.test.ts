import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openStack, type Run, type Stack } from "../support/engine.ts";

// TEST-NET-1 (RFC 5737): nothing here may touch the network.
const hosts = Object.fromEntries(
  ["h1", "h2", "h3", "e1", "e2"].map((name, index) => [
    name,
    {
      connection: { host: `192.0.2.${index + 1}`, hostKey: "ssh-ed25519 AAAA" },
      slots: 2,
      labels: { rack: name === "h3" ? "b" : "a" },
    },
  ]),
);

/** The example, with so many members. */
const config = (replicas: number) => ({
  webHosts: ["h1", "h2", "h3"],
  edges: ["e1", "e2"],
  replicas,
  gateUrl: "http://192.0.2.4/",
  "pulumi-jail:hosts": hosts,
});

/** As `pulumi preview --json` has it. */
interface Planned {
  readonly steps: readonly {
    readonly urn: string;
    readonly newState: {
      readonly type: string;
      readonly parent?: string;
      readonly dependencies?: readonly string[];
      readonly inputs?: Readonly<Record<string, unknown>>;
    };
  }[];
}

let stack: Stack;
let preview: Run;
let planned: ReadonlyMap<string, Planned["steps"][number]["newState"]>;
const nameOf = (urn: string) => urn.split("::").at(-1) ?? "";

beforeAll(async () => {
  stack = await openStack({ directory: "examples/fleet", config: config(5) });
  preview = await stack.run(["preview", "--json"], {});
  expect(preview.exitCode, preview.stdout + preview.stderr).toBe(0);
  const { steps } = JSON.parse(preview.stdout) as Planned;
  planned = new Map(steps.map(({ urn, newState }) => [nameOf(urn), newState]));
});
afterAll(() => stack?.close());

/** Which resources of ours must be done before. */
function waitsFor(name: string, of: RegExp): string[] {
  const all = (planned.get(name)?.dependencies ?? []).map(nameOf);
  return all.filter((dependency) => of.test(dependency)).sort();
}

describe("a fleet in a preview", () => {
  it("is a component of its own type, with a jail per host and a service per member below it", () => {
    const [, ...names] = [...planned.keys()];
    expect(names.filter((name) => !name.endsWith("-ports")).sort()).toEqual(
      [
        ...["web", "web-h1", "web-h2", "web-h3", "site", "site-e1", "site-e2"],
        ...["web-h1-1", "web-h2-1", "web-h3-1", second(), "web-h3-2"],
      ].sort(),
    );
    expect(planned.get("web")?.type).toBe("pulumi-jail:index:JailedServiceFleet");
    expect(planned.get("site")?.type).toBe("pulumi-jail:index:PortMappingFleet");
    const component = "urn:pulumi:dev::test::pulumi-jail:index:JailedServiceFleet::web";
    const children = names.filter((name) => name.startsWith("web-"));
    expect(children.map((name) => planned.get(name)?.parent)).toEqual(children.map(() => component));
  });

  it("builds all jails at once, and switches the services over wave by wave", () => {
    for (const host of ["h1", "h2", "h3"]) expect(waitsFor(`web-${host}`, /./)).toEqual([]);
    expect(waitsFor("web-h1-1", /^web-h\d-\d$/)).toEqual([]);
    expect(waitsFor("web-h1-1", /^web-h\d$/)).toEqual(["web-h1"]);
    expect(waitsFor("web-h2-1", /^web-h\d-\d$/)).toEqual(["web-h1-1"]);
    expect(waitsFor("web-h3-1", /^web-h\d-\d$/)).toEqual(["web-h1-1"]);
    expect(waitsFor(second(), /^web-h\d-\d$/)).toEqual(["web-h1-1"]);
    expect(waitsFor("web-h3-2", /^web-h\d-\d$/)).toEqual([second(), "web-h2-1", "web-h3-1"].sort());
    expect(planned.get("web-h2-1")?.inputs).toMatchObject({ settleSeconds: 5, serviceName: "web-h2-1" });
  });

  it("changes the edge that clients use last, after every member", () => {
    expect(waitsFor("site-e2", /^site-/)).toEqual([]);
    expect(waitsFor("site-e1", /^site-/)).toEqual(["site-e2"]);
    expect(waitsFor("site-e2", /^web-h\d-\d$/)).toHaveLength(5);
  });

  it("says of each member which wave it is in", () => {
    const lines = preview.diagnostics.filter(({ message }) => /^wave/.test(message));
    expect(lines.map(({ urn, message }) => `${nameOf(urn ?? "")}: ${message}`).sort()).toEqual(
      [
        "web-h1-1: wave 1 of 3",
        "web-h2-1: wave 2 of 3",
        "web-h3-1: wave 2 of 3",
        `${second()}: wave 2 of 3`,
        "web-h3-2: wave 3 of 3",
      ].sort(),
    );
  });

  it("that does not fit is answered with all mistakes at once, and nothing else", async () => {
    stack.configure(config(9));
    stack.edit("index.ts", (text) => text.replace('batch: "50%"', 'batch: "x%"'));
    const refused = await stack.preview();
    expect(refused.exitCode).not.toBe(0);
    const said = refused.diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
    expect(said).toEqual([
      'JailedServiceFleet web:\n  rollout.batch: "x%" is neither a number of members nor a share such as "25%"\n  replicas: 9 do not fit 3 hosts with 2 slots, 2 on each at most',
    ]);
  });
});

/** Which host of rack a has the second member there is the placement's business. */
function second(): string {
  const [name = "", ...others] = [...planned.keys()].filter((member) => /^web-h[12]-2$/.test(member));
  expect(others).toEqual([]);
  return name;
}
