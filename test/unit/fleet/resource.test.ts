import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { Host } from "../../../provider/connection/resource.ts";
import { PortMappingFleet, priorityOf, virtualAddressOf } from "../../../provider/fleet/port-mapping-fleet.ts";
import { JailedServiceFleet } from "../../../provider/fleet/resource.ts";
import { jailMocks } from "../../../provider/testing.ts";

const registered = new Map<string, pulumi.runtime.MockResourceArgs>();

beforeAll(async () => {
  const mocks = jailMocks();
  await pulumi.runtime.setMocks({
    ...mocks,
    newResource: (args) => {
      registered.set(args.name, args);
      return mocks.newResource(args);
    },
  });
});

const host = (name: string, address: string, slots = 1) =>
  new Host(name, { connection: { host: address, hostKey: "ssh-ed25519 AAAA" }, slots });
const h1 = host("h1", "192.0.2.1", 2);
const h2 = host("h2", "192.0.2.2");
const args = { packages: ["apache2"], unit: "apache2.service", keepGenerations: 5, ports: { http: 80 } };

describe("a JailedServiceFleet under jailMocks()", () => {
  test("is a jail per host and a service per member, with the arguments of each and endpoints by name", async () => {
    const web = new JailedServiceFleet("web", {
      ...args,
      hosts: [h2, h1],
      replicas: 3,
      limits: { tasksMax: 50 },
      rollout: { canary: 1, batch: 2, pauseSeconds: 3, gate: { url: pulumi.secret("http://192.0.2.9/") } },
    });
    const endpoints = await valueIn(pulumi.all(web.endpoints.http));
    expect(endpoints.map(({ name }) => name)).toEqual([
      "web-h1-1.http.192.0.2.1",
      "web-h1-2.http.192.0.2.1",
      "web-h2-1.http.192.0.2.2",
    ]);
    expect(Object.keys(web.jails).sort()).toEqual(["h1", "h2"]);
    expect(web.services["h1"]).toHaveLength(2);
    const generations = await valueIn(pulumi.output(web.generations));
    expect(Object.keys(generations).sort()).toEqual(["h1", "h2"]);
    expect(generations["h1"]).toHaveLength(2);
    expect(registered.get("web")?.type).toBe("pulumi-jail:index:JailedServiceFleet");
    expect(registered.get("web-h1")?.inputs).toMatchObject({ packages: ["apache2"], keepGenerations: 5 });
    expect(registered.get("web-h1")?.inputs).not.toHaveProperty("limits");
    const member = registered.get("web-h1-2")?.inputs;
    expect(member).toMatchObject({ limits: { tasksMax: 50 }, settleSeconds: 3 });
    for (const other of ["packages", "keepGenerations", "hosts", "rollout"]) expect(member).not.toHaveProperty(other);
    const waves = ["web-h2-1", "web-h1-1", "web-h1-2"].map((name) => registered.get(name)?.inputs.__jail.wave);
    expect(waves).toEqual(["wave 1 of 2", "wave 2 of 2", "wave 2 of 2"]);
    // The secret reached the member as one.
    expect(pulumi.runtime.isRpcSecret(member.gate.url) || pulumi.runtime.isRpcSecret(member.gate)).toBe(true);
  });

  test("ends the program with all its mistakes at once, as a message without a stack", () => {
    const make = () => new JailedServiceFleet("big", { ...args, hosts: [h1, h2], replicas: 9, rollout: { batch: 0 } });
    expect(make).toThrow(pulumi.RunError);
    expect(make).toThrow(
      'JailedServiceFleet big:\n  rollout.batch: 0 is neither a number of members nor a share such as "25%"\n  replicas: 9 do not fit 2 hosts with 2, 1 slots',
    );
    expect([...registered.keys()].filter((name) => name.startsWith("big"))).toEqual([]);
  });

  test("types its endpoints by the keys of its ports", () => {
    const web = new JailedServiceFleet("typed", { ...args, hosts: [h1] });
    // @ts-expect-error there is no such port
    expect(web.endpoints.https).toBeUndefined();
    // @ts-expect-error what a member is called is the fleet's
    new JailedServiceFleet("named", { ...args, hosts: [h1], serviceName: "x" });
  });
});

describe("a PortMappingFleet under jailMocks()", () => {
  const backends = [{ address: "192.0.2.7", hostPort: 80 }];

  test("is a mapping per edge, of which the first gives the url", async () => {
    const site = new PortMappingFleet("site", { edges: [h1, h2], bindPort: 80, mode: "http", backends });
    expect(await valueIn(site.url)).toBe("http://192.0.2.1/");
    expect(Object.keys(site.mappings).sort()).toEqual(["h1", "h2"]);
    expect(registered.get("site-h2")?.inputs).toMatchObject({ bindPort: 80, backends });
    expect(registered.get("site")?.type).toBe("pulumi-jail:index:PortMappingFleet");
  });

  test("tells mistakes in its edges at once", () => {
    const edges = [host("Edge", "192.0.2.1"), h1, h1];
    const make = () => new PortMappingFleet("bad", { edges, bindPort: 80, backends });
    expect(make).toThrow(/edges\[0\]: "Edge" makes no name[\s\S]*edges\[2\]: h1 is edges\[1\] already/);
  });

  test("gives each edge its priority of a virtual address, and the others as peers", async () => {
    const virtualAddress = { address: "192.0.2.100/24", interface: "eth0", routerId: 51 };
    const told = [0, 1].map((index) => valueIn(pulumi.output(virtualAddressOf({ virtualAddress }, [h1, h2], index))));
    expect(await Promise.all(told)).toEqual([
      { virtualAddress: { ...virtualAddress, priority: 150, peers: ["192.0.2.2"] } },
      { virtualAddress: { ...virtualAddress, priority: 140, peers: ["192.0.2.1"] } },
    ]);
    expect(virtualAddressOf({}, [h1, h2], 0)).toEqual({});
  });

  test("prefers edges in the order given", () => {
    expect([0, 1, 2, 40].map(priorityOf)).toEqual([150, 140, 130, 1]);
  });
});

function valueIn<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return new Promise((resolve) => output.apply(resolve));
}
