import { describe, expect, test } from "vitest";
import { checkPortMapping } from "../../../provider/port-mapping/check.ts";
import { containsUnknown, UNKNOWN } from "../../../provider/resource/unknown.ts";

const ENDPOINT = {
  name: "web.http.10.0.0.4",
  protocol: "tcp",
  address: "10.0.0.4",
  hostPort: 20128,
  jailPort: 80,
  responder: { hostPort: 20127 },
  healthCheck: { type: "http", path: "/up" },
};
const GIVEN = {
  connection: { host: "192.0.2.10" },
  __jail: { name: "site" },
  bindPort: 80,
  mode: "http",
  backends: [ENDPOINT, { address: "10.0.0.5", hostPort: 80, name: "old", weight: 40, state: "drain" }],
  healthCheck: { path: "/up" },
};

describe("checkPortMapping", () => {
  test("fills in every default", () => {
    expect(checkPortMapping(undefined, GIVEN)).toEqual({
      failures: [],
      inputs: {
        connection: { host: "192.0.2.10" },
        __jail: { name: "site" },
        adopt: false,
        mappingName: "site",
        address: "192.0.2.10",
        bindAddress: "*",
        bindPort: 80,
        mode: "http",
        engine: "haproxy",
        backends: [
          {
            name: "web.http.10.0.0.4",
            address: "10.0.0.4",
            hostPort: 20128,
            weight: 100,
            state: "ready",
            agent: { port: 20127, send: "web.http" },
          },
          { name: "old", address: "10.0.0.5", hostPort: 80, weight: 40, state: "drain" },
        ],
        hostnames: [],
        pathPrefix: "",
        httpReuse: "never",
        balance: "leastconn",
        weights: "configured",
        clientAddress: "forwarded",
        acceptProxyFrom: [],
        healthCheck: { type: "http", path: "/up", expectStatus: "200-399", interSeconds: 2, rise: 2, fall: 3 },
        drainSeconds: 30,
        timeouts: { connectSeconds: 5, clientSeconds: 30, serverSeconds: 30 },
        url: "http://192.0.2.10/",
      },
    });
  });

  test("takes the endpoints' check, and of an exec check that the port answers", () => {
    const checkOf = (healthCheck: object) =>
      checkPortMapping(undefined, { ...GIVEN, healthCheck: undefined, backends: [{ ...ENDPOINT, healthCheck }] }).inputs
        .healthCheck;
    expect(checkOf({ path: "/up", fall: 5 })).toEqual({
      type: "http",
      path: "/up",
      expectStatus: "200-399",
      interSeconds: 2,
      rise: 2,
      fall: 5,
    });
    expect(checkOf({ type: "exec", command: ["true"] })).toEqual({ type: "tcp", interSeconds: 2, rise: 2, fall: 3 });
  });

  test.each([
    [{ bindPort: 8080 }, "http://192.0.2.10:8080/"],
    [{ pathPrefix: "/api/" }, "http://192.0.2.10/api/"],
    [{ mode: undefined, bindPort: 3306 }, "tcp://192.0.2.10:3306"],
    [{ address: "2001:db8::1" }, "http://[2001:db8::1]/"],
    [{ bindPort: UNKNOWN }, UNKNOWN],
    [{ address: UNKNOWN }, UNKNOWN],
  ])("knows the url in a preview: %j", (change, url) => {
    expect(checkPortMapping(undefined, { ...GIVEN, ...change }).inputs.url).toBe(url);
  });

  test("writes an IPv6 address as the proxy prints it, or it would be drift for ever", () => {
    const given = { ...GIVEN, bindAddress: "2001:DB8:0::1", backends: [{ address: "2001:DB8:0:0::7", hostPort: 80 }] };
    const { inputs, failures } = checkPortMapping(undefined, given);
    expect([failures, inputs.bindAddress, inputs.backends[0]]).toEqual([
      [],
      "2001:db8::1",
      { name: "2001:db8::7:80", address: "2001:db8::7", hostPort: 80, weight: 100, state: "ready" },
    ]);
  });

  test("decides the name once", () => {
    const nameOf = (olds: object | undefined, change: object) =>
      checkPortMapping(olds, { ...GIVEN, ...change }).inputs.mappingName;
    expect(nameOf(undefined, {})).toBe("site");
    expect(nameOf({ mappingName: "old" }, { __jail: { name: "renamed" } })).toBe("old");
    expect(nameOf({ mappingName: "old" }, { mappingName: "new" })).toBe("new");
  });

  test("tells all failures at once, each with its path", () => {
    const { failures } = checkPortMapping(undefined, {
      ...GIVEN,
      mappingName: "a;b",
      bindPort: 0,
      bindAddress: "edge.example",
      balance: "best",
      hostnames: ["ok.example", "a b"],
      pathPrefix: "api#",
      drainSeconds: -1,
      timeouts: { serverSeconds: "5" },
      healthCheck: { type: "exec", command: ["true"], rise: 0 },
      backends: [
        { address: "web1.example", hostPort: 80 },
        { address: "10.0.0.4", hostPort: 70000, name: "a\nb", weight: 1.5, state: "off" },
        7,
      ],
    });
    expect(failures).toEqual([
      { property: "mappingName", reason: '";" is not allowed; use a-z, 0-9 and "-", at most 40' },
      { property: "bindPort", reason: "0 is no port; 1 to 65535" },
      { property: "bindAddress", reason: '"edge.example" is no IP address of the edge, nor "*"' },
      { property: "hostnames[1]", reason: '"a b" is no host name' },
      { property: "pathPrefix", reason: '"api#" is no plain path such as /api' },
      { property: "balance", reason: '"best" is none of "leastconn", "roundrobin", "random", "source"' },
      { property: "drainSeconds", reason: "-1 is no number of seconds; 0 to 3600" },
      { property: "timeouts.serverSeconds", reason: '"5" is no number of seconds; 1 to 86400' },
      { property: "backends[0].address", reason: '"web1.example" is no IP address; give the Host an address' },
      { property: "backends[1].hostPort", reason: "70000 is no port; 1 to 65535" },
      { property: "backends[1].name", reason: '"\\n" is not allowed; use A-Z, a-z, 0-9 and "_.:-", at most 64' },
      { property: "backends[1].weight", reason: "1.5 is no weight; 0 to 256" },
      { property: "backends[1].state", reason: '"off" is none of "ready", "drain", "maint"' },
      { property: "backends[2]", reason: "7 is neither an endpoint nor { address, hostPort }" },
      { property: "healthCheck.type", reason: '"exec" runs inside of a jail; an edge asks by "http" or "tcp"' },
      { property: "healthCheck.rise", reason: "0 is no whole number from 1 to 100" },
    ]);
  });

  test.each([
    [{ backends: [] }, "backends", 'empty; for a pause set state "maint"'],
    [{ backends: undefined }, "backends", "is missing"],
    [{ bindPort: undefined }, "bindPort", "is missing"],
    [{ mode: "udp" }, "mode", '"udp" needs engine "nftables", which is not in this version'],
    [{ engine: "nftables" }, "engine", '"nftables" is not in this version'],
    [{ tls: { certificates: [] } }, "tls", "is not in this version"],
    [
      { weights: "load", backends: [{ address: "10.0.0.5", hostPort: 80 }] },
      "weights",
      '"load" asks the hosts of jailed services, and no backend is an endpoint of one',
    ],
    [{ affinity: "cookie" }, "affinity", '"cookie" is not in this version'],
    [{ virtualAddress: {} }, "virtualAddress", "is not in this version"],
    [{ mode: "tcp", hostnames: ["a.example"] }, "hostnames", 'needs mode "http"'],
    [{ mode: "tcp", clientAddress: "forwarded" }, "clientAddress", 'needs mode "http"'],
    [
      { backends: [{ ...ENDPOINT, protocol: "udp" }] },
      "backends[0]",
      'udp needs engine "nftables", which is not in this version',
    ],
    [
      { backends: [{ ...ENDPOINT, protocol: "unix", address: "", hostPort: 0 }] },
      "backends[0]",
      "a unix socket is reached on its own host only; give the service a tcp port",
    ],
    [
      { backends: [ENDPOINT, ENDPOINT] },
      "backends[1].name",
      '"web.http.10.0.0.4" is backends[0] already (10.0.0.4:20128)',
    ],
    [
      { healthCheck: undefined, backends: [ENDPOINT, { address: "10.0.0.5", hostPort: 80 }] },
      "backends[1]",
      "its health check is not that of backends[0]; set healthCheck",
    ],
  ])("refuses %j", (change, property, reason) => {
    expect(checkPortMapping(undefined, { ...GIVEN, ...change }).failures).toEqual([{ property, reason }]);
  });

  test("lets an unknown pass in every input, at any depth, and derives unknowns from it", () => {
    for (const key of [
      "mappingName",
      "bindPort",
      "bindAddress",
      "mode",
      "engine",
      "backends",
      "hostnames",
      "pathPrefix",
      "httpReuse",
      "balance",
      "clientAddress",
      "acceptProxyFrom",
      "healthCheck",
      "drainSeconds",
      "timeouts",
      "connection",
      "address",
      "adopt",
    ])
      expect(checkPortMapping(undefined, { ...GIVEN, [key]: UNKNOWN }).failures).toEqual([]);
    for (const backends of [
      [UNKNOWN],
      [ENDPOINT, UNKNOWN],
      [{ address: UNKNOWN, hostPort: UNKNOWN }],
      [{ ...ENDPOINT, hostPort: UNKNOWN }],
      [{ ...ENDPOINT, healthCheck: UNKNOWN }],
    ])
      expect(checkPortMapping(undefined, { ...GIVEN, backends }).failures).toEqual([]);
    const { inputs } = checkPortMapping(undefined, { ...GIVEN, healthCheck: undefined, backends: [UNKNOWN] });
    expect(containsUnknown(inputs.healthCheck)).toBe(true);
    const named = checkPortMapping(undefined, { ...GIVEN, backends: [{ address: "10.0.0.4", hostPort: UNKNOWN }] });
    expect(named.inputs.backends).toEqual([
      { name: UNKNOWN, address: "10.0.0.4", hostPort: UNKNOWN, weight: 100, state: "ready" },
    ]);
  });
});
