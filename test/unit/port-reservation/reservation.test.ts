import { describe, expect, test } from "vitest";
import type { PortReservationInputs, PortReservationOutputs } from "../../../provider/port-reservation/inputs.ts";
import { checkPortReservation, diffPortReservation } from "../../../provider/port-reservation/inputs.ts";
import type { ObservedReservation } from "../../../provider/port-reservation/observed.ts";
import { endpointsOf, planReservation } from "../../../provider/port-reservation/plan.ts";
import { startPort } from "../../../provider/ports/allocation.ts";
import { parseRegistry } from "../../../provider/ports/registry.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

const connection = { host: "192.0.2.10", port: 22, user: "root", hostKey: "ssh-ed25519 A", privateKey: "one" };
const given = { connection, __jail: { name: "web-ports", replaceOnChanges: [] }, ports: { http: 80 } };
const check = (more: object, olds?: Partial<PortReservationInputs>) =>
  checkPortReservation(olds, { ...given, ...more });
const owner = { organization: "o", project: "p", stack: "s", urn: "urn:web-ports", claim: "c1" };
const mark = JSON.stringify(owner);
const registry = [
  ["@host", "responder", "tcp", 20128, 0, "allocated", mark],
  ["web", "@net", "net", 3, 0, "allocated", mark],
  ["web", "http", "tcp", 29438, 80, "allocated", mark],
]
  .map((line) => line.join("\t"))
  .join("\n");

function observed(text: string): ObservedReservation {
  const all = parseRegistry(text);
  const entries = all.filter(({ serviceName }) => serviceName === "web");
  return {
    machine: {} as ObservedReservation["machine"],
    found: entries[0]?.owner ?? { state: "nothing" },
    entries,
    responderPort: all.find(({ serviceName }) => serviceName === "@host")?.hostPort,
    text,
  };
}

describe("check", () => {
  test("names the service by the resource, without its ending, once and for all", () => {
    expect(check({}).inputs).toEqual({
      ...given,
      serviceName: "web",
      address: "192.0.2.10",
      ports: { http: { jailPort: 80, protocol: "tcp" } },
    });
    expect(check({ __jail: { name: "new-ports" } }, { serviceName: "web" }).inputs.serviceName).toBe("web");
  });

  test("lets unknown values pass", () => {
    for (const name of ["connection", "address", "ports", "serviceName"])
      expect(check({ [name]: UNKNOWN }).failures).toEqual([]);
  });
});

describe("diff", () => {
  const outputs = { endpoints: {}, hostId: "x", claim: "c1", drift: [], unfinished: false };
  const state = (more: object): PortReservationInputs & PortReservationOutputs => ({
    ...check(more).inputs,
    ...outputs,
  });

  test.each([
    [{}, false, []],
    [{ connection: { ...connection, privateKey: "two", password: "x" } }, false, []],
    [{ ports: { http: 81 } }, true, []],
    [{ ports: UNKNOWN }, true, []],
    [{ address: "192.0.2.11" }, true, []],
    [{ serviceName: "www" }, true, ["serviceName"]],
    [
      { connection: { ...connection, host: "192.0.2.99", hostKey: "ssh-ed25519 B" }, address: "192.0.2.10" },
      true,
      ["connection"],
    ],
  ])("%j: changes %s, replaces %j", (more, changes, replaces) => {
    expect(diffPortReservation(state({}), check(more).inputs)).toMatchObject({ changes, replaces });
  });
});

describe("the note of a change", () => {
  const outputs = { hostId: "x", claim: "c1", drift: [], unfinished: false };
  const before = check({ ports: { http: 80, old: 81 } }).inputs;
  const endpoints = Object.fromEntries(
    Object.entries({ http: 29438, old: 20500 }).map(([key, hostPort]) => [key, { hostPort }]),
  ) as unknown as PortReservationOutputs["endpoints"];

  test("says which host ports stay, come and go", () => {
    const news = check({ ports: { http: 8080, admin: 81, fixed: { jailPort: 5, hostPort: 8443 } } }).inputs;
    expect(diffPortReservation({ ...before, ...outputs, endpoints }, news).notes).toEqual([
      `admin gets host port ${startPort("web", "admin")}, or the next that is free, fixed gets host port 8443, http keeps host port 29438, old gives host port 20500 back`,
    ]);
  });
});

describe("plan", () => {
  test("reserves with the port where probing starts, under the observed claim", () => {
    expect(planReservation(check({}).inputs, observed(""), owner)).toEqual([
      {
        step: "ports-reserve",
        args: ["web", mark, "-"],
        content: "http\ttcp\t29438\t0\t80\n",
        describe: "reserving 1 port for web",
      },
    ]);
  });

  test("is empty when the registry has it all, and only then", () => {
    expect(planReservation(check({}).inputs, observed(registry), owner)).toEqual([]);
    for (const other of [
      registry.replace("\t80\t", "\t81\t"),
      registry.replace(/^@host.*\n/, ""),
      registry.replaceAll("c1", "c2"),
    ])
      expect(planReservation(check({}).inputs, observed(other), owner)).toHaveLength(1);
    expect(planReservation(check({ ports: {} }).inputs, observed(registry), owner)).toHaveLength(1);
  });
});

test("an endpoint says all that an edge needs", () => {
  const ports = { http: 80, sock: { socket: "/run/app/app.sock" } };
  expect(endpointsOf(check({ ports }).inputs, registry)).toEqual({
    http: {
      name: "web.http.192.0.2.10",
      protocol: "tcp",
      address: "192.0.2.10",
      hostPort: 29438,
      jailPort: 80,
      responder: { hostPort: 20128 },
    },
    sock: {
      name: "web.sock.192.0.2.10",
      protocol: "unix",
      address: "",
      hostPort: 0,
      jailPort: 0,
      socketPath: "/var/lib/pulumi-jail/services/web/scratch/socket-sock/app.sock",
      responder: { hostPort: 20128 },
    },
  });
});
