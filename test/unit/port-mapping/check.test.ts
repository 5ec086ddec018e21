import { describe, expect, test } from "vitest";
import { checkPortMapping } from "../../../provider/port-mapping/check.ts";
import { containsUnknown, UNKNOWN } from "../../../provider/resource/unknown.ts";
import { certificateOf } from "../../support/certificates.ts";

const SHOP = certificateOf("shop");
const VIRTUAL = { address: "192.0.2.100/24", interface: "eth0", routerId: 51 };
const ENDPOINT = {
  name: "web.http.10.0.0.4",
  protocol: "tcp",
  address: "10.0.0.4",
  hostPort: 20128,
  jailPort: 80,
  responder: { hostPort: 20127 },
  healthCheck: { type: "http", path: "/up" },
};
const FORWARD = {
  connection: { host: "192.0.2.10" },
  address: "192.0.2.10",
  __jail: { name: "dns" },
  bindPort: 53,
  mode: "udp",
  engine: "nftables",
  backends: [{ address: "10.0.0.4", hostPort: 53 }],
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
      warnings: [],
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
        redirectToHttps: false,
        affinity: "none",
        limits: {},
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

  test("fills in the defaults of tls, and knows its url", () => {
    const of = (change: object) => checkPortMapping(undefined, { ...GIVEN, tls: { certificates: [SHOP] }, ...change });
    expect(of({ bindPort: 443 }).inputs).toMatchObject({
      url: "https://192.0.2.10/",
      tls: { certificates: [SHOP], minVersion: "TLSv1.2", alpn: ["h2", "http/1.1"] },
    });
    expect(of({}).inputs.url).toBe("https://192.0.2.10:80/");
    expect(of({ mode: "tcp" }).inputs.tls?.alpn).toEqual([]);
  });

  test("needs no backends for a redirect, and binds the proxy's own page to the loopback", () => {
    const redirect = checkPortMapping(undefined, { ...GIVEN, backends: undefined, redirectToHttps: true });
    expect([redirect.failures, redirect.inputs.backends]).toEqual([[], []]);
    const page = { ...GIVEN, mode: undefined, bindPort: 8404, backends: "statistics" };
    expect(checkPortMapping(undefined, page)).toMatchObject({
      failures: [],
      inputs: { mode: "http", bindAddress: "127.0.0.1", url: "http://127.0.0.1:8404/" },
    });
  });

  test("shows nothing of a key in a message", () => {
    const { failures } = checkPortMapping(undefined, {
      ...GIVEN,
      tls: { certificates: [{ certificate: 7, privateKey: "hidden" }, "hidden"], hidden: "hidden" },
    });
    expect(failures).toHaveLength(4);
    expect(failures.map(({ reason }) => reason).join()).not.toContain("hidden");
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
    [{ engine: "best" }, "engine", '"best" is none of "haproxy", "nftables"'],
    [{ tls: { certificates: [] } }, "tls.certificates", "is empty"],
    [
      { tls: { certificates: [{ ...SHOP, privateKey: certificateOf("wiki").privateKey }] } },
      "tls.certificates[0].privateKey",
      "does not belong to the certificate",
    ],
    [
      { tls: { certificates: [SHOP, { ...SHOP, privateKey: "secret" }] } },
      "tls.certificates[1].privateKey",
      "is no private key in PEM",
    ],
    [
      { tls: { certificates: [{ ...SHOP, privateKey: "-----BEGIN ENCRYPTED PRIVATE KEY-----" }] } },
      "tls.certificates[0].privateKey",
      "is encrypted; give it decrypted",
    ],
    [
      { tls: { certificates: [{ ...SHOP, certificate: "secret" }] } },
      "tls.certificates[0].certificate",
      "is no certificate in PEM",
    ],
    [
      { tls: { certificates: [SHOP], minVersion: "TLSv1.1" } },
      "tls.minVersion",
      '"TLSv1.1" is none of "TLSv1.2", "TLSv1.3"',
    ],
    [{ tls: { certificates: [SHOP], alpn: ["h3"] } }, "tls.alpn[0]", '"h3" is none of "h2", "http/1.1"'],
    [{ tls: { certificates: [SHOP], clientCa: "me" } }, "tls.clientCa", "is no certificate in PEM"],
    [{ tls: { certificates: [SHOP], ciphers: "x" } }, "tls.ciphers", "is not known here"],
    [
      { tls: { certificates: [SHOP] }, redirectToHttps: true },
      "redirectToHttps",
      "there is nothing to redirect with tls; make a mapping of the plain port",
    ],
    [
      { tls: { certificates: [SHOP] }, mode: "tcp", hostnames: ["a.example"] },
      "hostnames",
      'with tls needs mode "http"; without, tcp goes by SNI',
    ],
    [{ limits: { connections: 0 } }, "limits.connections", "0 is no limit; 1 to 1000000"],
    [
      { mode: "tcp", limits: { requestsPerSecondPerAddress: 5 } },
      "limits.requestsPerSecondPerAddress",
      'needs mode "http"',
    ],
    [{ mode: "tcp", affinity: "cookie" }, "affinity", 'needs mode "http"'],
    [{ mode: "tcp", redirectToHttps: true }, "redirectToHttps", 'needs mode "http"'],
    [{ mode: "tcp", backends: "statistics" }, "mode", 'backends "statistics" needs mode "http"'],
    [
      { weights: "load", backends: [{ address: "10.0.0.5", hostPort: 80 }] },
      "weights",
      '"load" asks the hosts of jailed services, and no backend is an endpoint of one',
    ],
    [{ affinity: "best" }, "affinity", '"best" is none of "none", "cookie", "source"'],
    [{ virtualAddress: { ...VIRTUAL, address: undefined } }, "virtualAddress.address", "is missing"],
    [
      { virtualAddress: { ...VIRTUAL, address: "192.0.2.100" } },
      "virtualAddress.address",
      '"192.0.2.100" is no CIDR such as 192.0.2.100/24',
    ],
    [
      { virtualAddress: { ...VIRTUAL, interface: "eth0 x" } },
      "virtualAddress.interface",
      '"eth0 x" is no name of a network device',
    ],
    [{ virtualAddress: { ...VIRTUAL, routerId: 256 } }, "virtualAddress.routerId", "256 is no routerId; 1 to 255"],
    [{ virtualAddress: { ...VIRTUAL, priority: 255 } }, "virtualAddress.priority", "255 is no priority; 1 to 254"],
    [
      { virtualAddress: { ...VIRTUAL, peers: ["2001:db8::2"] } },
      "virtualAddress.peers[0]",
      '"2001:db8::2" is no IPv4 address',
    ],
    [{ backendsFrom: {} }, "backendsFrom", "is no { etcd: { endpoints, prefix } }"],
    [
      { backendsFrom: { etcd: { endpoints: ["https://10.0.0.9:2379"], prefix: "/s/" } } },
      "backendsFrom.etcd.endpoints[0]",
      "https is not in this version",
    ],
    [
      { backendsFrom: { etcd: { endpoints: ["http://10.0.0.9:2379"], prefix: "a\nb/" } } },
      "backendsFrom.etcd.prefix",
      '"a\\nb/" is no prefix such as /services/web/, with a slash at the end',
    ],
    [
      { backendsFrom: { etcd: { endpoints: ["http://10.0.0.9:2379"], prefix: "/s/", ca: "x" } } },
      "backendsFrom.etcd.ca",
      "is not in this version",
    ],
    [{ mode: "tcp", clientAddress: "forwarded" }, "clientAddress", 'needs mode "http"'],
    [
      { backends: [{ ...ENDPOINT, protocol: "udp" }] },
      "backends[0]",
      'is an endpoint of udp; set mode "udp" and engine "nftables"',
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

  test.each([
    [{ mode: "http" }, "mode", 'engine "nftables" forwards "tcp" and "udp"; "http" needs "haproxy"'],
    [{ engine: undefined }, "mode", '"udp" needs engine "nftables"'],
    [{ bindAddress: "*" }, "bindAddress", 'engine "nftables" has one address of the host, never all'],
    [{ address: "edge.example" }, "bindAddress", `"edge.example" is no IPv4 address; give one of the host's own`],
    [{ healthCheck: { type: "tcp" } }, "healthCheck", 'engine "nftables" has none'],
    [{ drainSeconds: 5 }, "drainSeconds", 'engine "nftables" has none'],
    [{ affinity: "source" }, "affinity", 'engine "nftables" has none'],
    [{ limits: { connections: 1 } }, "limits", 'engine "nftables" has none'],
    [{ backends: [{ ...ENDPOINT, protocol: "tcp" }] }, "backends[0]", "is none of udp"],
    [
      { backends: [{ address: "2001:db8::1", hostPort: 53 }] },
      "backends[0].address",
      'engine "nftables" has IPv4 addresses',
    ],
  ])("refuses of a forwarded port %j", (change, property, reason) => {
    expect(checkPortMapping(undefined, { ...FORWARD, ...change }).failures).toEqual([{ property, reason }]);
  });

  test("binds a forwarded port to the host's address, never to all", () => {
    expect(checkPortMapping(undefined, FORWARD)).toMatchObject({
      failures: [],
      inputs: { bindAddress: "192.0.2.10", url: "udp://192.0.2.10:53", clientAddress: "none" },
    });
    for (const key of ["engine", "mode", "address", "bindAddress", "backends", "bindPort"])
      expect(checkPortMapping(undefined, { ...FORWARD, [key]: UNKNOWN }).failures).toEqual([]);
    expect(checkPortMapping(undefined, { ...FORWARD, address: UNKNOWN }).inputs.bindAddress).toBe(UNKNOWN);
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
      "tls",
      "redirectToHttps",
      "affinity",
      "limits",
      "connection",
      "address",
      "adopt",
    ])
      expect(checkPortMapping(undefined, { ...GIVEN, [key]: UNKNOWN }).failures).toEqual([]);
    for (const tls of [
      { certificates: UNKNOWN },
      { certificates: [UNKNOWN], minVersion: UNKNOWN, alpn: UNKNOWN, clientCa: UNKNOWN },
      { certificates: [{ certificate: UNKNOWN, privateKey: UNKNOWN }] },
      { certificates: [{ ...SHOP, privateKey: UNKNOWN }], alpn: [UNKNOWN] },
    ])
      expect(checkPortMapping(undefined, { ...GIVEN, tls }).failures).toEqual([]);
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
