import { describe, expect, test } from "vitest";
import { Host } from "../../../provider/connection/resource.ts";
import { type FleetCandidate, fleetFailures } from "../../../provider/fleet/check.ts";

const host = (name: string, slots = 1, labels: Readonly<Record<string, string>> = {}) =>
  new Host(name, { connection: { host: "192.0.2.1" }, slots, labels });
const three = [host("h1", 2), host("h2", 2), host("h3", 2)];
const said = (args: FleetCandidate, name = "web") =>
  fleetFailures(name, args).map(({ property, reason }) => `${property}: ${reason}`);

describe("a fleet's arguments", () => {
  test("are let pass when they fit", () => {
    const rollout = { canary: 1, batch: "25%", pauseSeconds: 0, gate: { url: "http://192.0.2.9/" } };
    const placement = { maxPerHost: 2 };
    const volumes = { data: { jailPath: "/data" } };
    expect(said({ hosts: three, replicas: 6, placement, rollout, ports: { http: 80 }, volumes })).toEqual([]);
    expect(said({ hosts: three })).toEqual([]);
  });

  test.each([
    [{ hosts: three, replicas: 9 }, ["replicas: 9 do not fit 3 hosts with 2 slots"]],
    [{ hosts: [host("h1")], replicas: 2 }, ["replicas: 2 do not fit 1 host with 1 slot"]],
    [{ hosts: [host("h1", 1), host("h2", 4)], replicas: 6 }, ["replicas: 6 do not fit 2 hosts with 1, 4 slots"]],
    [
      { hosts: three, replicas: 4, placement: { maxPerHost: 1 } },
      ["replicas: 4 do not fit 3 hosts with 2 slots, 1 on each at most"],
    ],
    [
      { hosts: [host("h1", 1, { disk: "ssd" }), host("h2")], replicas: 2, placement: { labels: { disk: "ssd" } } },
      ['replicas: 2 do not fit 1 host with 1 slot that have {"disk":"ssd"}'],
    ],
    [
      { hosts: three, placement: { labels: { zone: "x" } } },
      ['placement.labels: none of the 3 hosts has {"zone":"x"}'],
    ],
    [
      { hosts: [host("h1", 1, { zone: "x" }), host("h2")], placement: { spreadBy: "zone" } },
      ['hosts[1]: h2 has no label "zone" to spread by'],
    ],
    [{}, ["hosts: is missing; give a list of Hosts"]],
    [{ hosts: [] }, ["hosts: is empty; give a Host at least"]],
    [{ hosts: [host("h1"), host("h1")] }, ["hosts[1]: h1 is hosts[0] already"]],
    [
      { hosts: [host("Web.example")] },
      ['hosts[0]: "Web.example" makes no name of a member (web-Web.example); use a-z, 0-9 and "-"'],
    ],
    [
      { hosts: [host("h".repeat(40))] },
      [`hosts: its member would be called web-${"h".repeat(40)}-1: 46 characters, at most 40`],
    ],
    [
      { hosts: [host("h1", 2)], replicas: 2, volumes: { data: { jailPath: "/data", volumeName: "data" } } },
      ["volumes.data.volumeName: two members on h1 would write to it; leave it out"],
    ],
    [
      { hosts: [host("h1", 2)], replicas: 2, ports: { http: { jailPort: 80, hostPort: 80 } } },
      ["ports.http.hostPort: two members on h1 would have it; leave it out"],
    ],
  ])("%# are refused", (args, failures) => {
    expect(said(args)).toEqual(failures);
  });

  test("have all their mistakes told at once, each with its path", () => {
    const placement = { maxPerHost: 0, spread: "zone" };
    const rollout = { canary: -1, batch: "0%", pauseSeconds: -1, gate: "http://x/?token=s3cret" };
    const lines = said({ hosts: [host("h1", 1.5)], replicas: 0, placement, rollout });
    expect(lines).toEqual([
      "hosts[0].slots: 1.5 is not a whole number",
      "replicas: 0 is less than 1",
      "placement.maxPerHost: 0 is less than 1",
      'placement.spread: "spread" is not known here',
      "rollout.canary: -1 is less than 0",
      'rollout.batch: "0%" is neither a number of members nor a share such as "25%"',
      "rollout.pauseSeconds: -1 is negative",
      "rollout.gate: is no gate; give { url }",
    ]);
    expect(lines.join()).not.toContain("s3cret");
  });
});
