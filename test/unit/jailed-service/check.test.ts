import { describe, expect, test } from "vitest";
import { diffJailedService } from "../../../provider/jailed-service/fields.ts";
import {
  checkJailedService,
  type JailedServiceInputs,
  type JailedServiceOutputs,
} from "../../../provider/jailed-service/inputs.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";

const base = {
  connection: { host: "192.0.2.1", hostKey: "ssh-ed25519 A" },
  __jail: { name: "web", replaceOnChanges: [] },
  jailName: "app",
  generation: "1111111111111111",
  ports: { http: 80 },
  endpoints: {
    http: {
      name: "web.http.192.0.2.1",
      protocol: "tcp",
      address: "192.0.2.1",
      hostPort: 20200,
      jailPort: 80,
      responder: { hostPort: 20128 },
    },
  },
};
const check = (more: object, olds?: Partial<JailedServiceInputs>) => checkJailedService(olds, { ...base, ...more });

test("fills in every default offline", () => {
  expect(check({}).inputs).toEqual({
    ...base,
    serviceName: "web",
    ports: { http: { jailPort: 80, protocol: "tcp" } },
    network: "private",
    egress: "none",
    switchover: "overlap",
    drainSeconds: 30,
    settleSeconds: 0,
  });
  expect(check({}).failures).toEqual([]);
});

test("the name is decided once: a resource that is renamed keeps its service", () => {
  expect(check({ __jail: { name: "renamed" } }, { serviceName: "web" }).inputs.serviceName).toBe("web");
});

test.each([
  [{}, "overlap"],
  [{ ports: {} }, "restart"],
  [{ ports: { dns: { jailPort: 53, protocol: "udp" } } }, "restart"],
  [{ network: "none", ports: {} }, "restart"],
  [{ volumes: { data: { jailPath: "/data" } } }, "restart"],
  [{ volumes: { data: { jailPath: "/data", readOnly: true } } }, "overlap"],
])("%j: switchover is %s by default", (more, switchover) => expect(check(more).inputs.switchover).toBe(switchover));

test("an endpoint carries the health check, one that names a port that port's only", () => {
  const endpoints = { http: base.endpoints.http, admin: { ...base.endpoints.http, hostPort: 20300 } };
  const healthCheck = { port: "http", path: "/up" };
  const { inputs } = check({ ports: { http: 80, admin: 81 }, endpoints, healthCheck });
  expect(inputs.endpoints["http"]?.healthCheck).toEqual(healthCheck);
  expect(inputs.endpoints["admin"]?.healthCheck).toBeUndefined();
  expect(check({ endpoints: UNKNOWN, healthCheck }).inputs.endpoints).toBe(UNKNOWN);
});

test("every failure at once, with its path", () => {
  const { failures } = check({
    serviceName: "Web;",
    execStart: ["apache2"],
    environment: { "A-B": "x", C: "a\nb" },
    credentials: { "../x": "s" },
    configFiles: { "/etc/passwd": { content: "" }, "etc/x": { content: "" } },
    volumes: { data: { jailPath: "/a:b" } },
    egress: ["10.0.0.0/8:443", "example.org"],
    limits: { memoryMax: "lots", tasksMax: 0 },
    hardening: { CapabilityBoundingSet: "CAP_SYS_ADMIN", RootDirectory: "/" },
    healthCheck: { port: "www", type: "exec" },
    switchover: "overlap",
    drainSeconds: -1,
  });
  expect(failures.map(({ property, reason }) => `${property}: ${reason}`)).toEqual([
    'serviceName: "W" is not allowed; use a-z, 0-9 and "-", at most 40',
    "execStart: begins with the program's absolute path",
    'environment["A-B"]: "A-B" is no name of a variable',
    'environment.C: "a\\nb" has a control character',
    'credentials["../x"]: "../x" is no name of a credential',
    'configFiles["/etc/passwd"]: passwd, group and hosts are made per service',
    'configFiles["etc/x"]: "etc/x" is not an absolute path that a unit file can hold',
    'volumes.data.jailPath: "/a:b" is not an absolute path that a unit file can hold',
    'volumes.data.volumeName: "Web;.data" is no name of a volume',
    'egress[1]: "example.org" is no CIDR such as "10.0.0.0/8:443"',
    'limits.memoryMax: "lots" is no size such as "512M"',
    "limits.tasksMax: 0 is less than 1",
    "drainSeconds: -1 is negative",
    'hardening.CapabilityBoundingSet: "CAP_SYS_ADMIN" is not allowed',
    expect.stringMatching(/^hardening\.RootDirectory: is no directive that may be set/) as unknown as string,
    'switchover: "overlap" would run two processes on volume "data"',
    'healthCheck.port: "www" is no key of ports (http)',
    'healthCheck.command: type "exec" needs a command',
  ]);
});

test("in the host's network ports are not mapped", () => {
  const ports = { http: 80, other: { jailPort: 81, hostPort: 81 } };
  expect(check({ network: "host", ports, switchover: "restart" }).failures).toEqual([
    {
      property: "ports.http.hostPort",
      reason: 'network "host" maps no ports: it has to be given, and equal to jailPort',
    },
  ]);
});

test("a credential's value is in no message", () => {
  const { failures } = check({ credentials: { key: 42 } });
  expect(failures).toEqual([{ property: "credentials.key", reason: "is not a string" }]);
});

test("a renamed service does not leave its data behind unsaid", () => {
  const volumes = { data: { jailPath: "/data" } };
  const olds = check({ volumes }).inputs;
  expect(check({ serviceName: "www", volumes }, olds).failures).toEqual([
    { property: "serviceName", reason: 'www would leave volume "web.data" behind; set volumes.data.volumeName' },
  ]);
  const named = { data: { jailPath: "/data", volumeName: "web.data" } };
  expect(check({ serviceName: "www", volumes: named }, olds).failures).toEqual([]);
});

describe("diff", () => {
  const outputs: Pick<
    JailedServiceOutputs,
    "generation" | "drift" | "unfinished" | "unitName" | "exposure" | "uid" | "hostId" | "claim"
  > = {
    generation: base.generation,
    unitName: "jailed-web@a.service",
    exposure: { score: 0.5, notEnforced: [] },
    uid: 997,
    hostId: "x",
    claim: "c",
    drift: [],
    unfinished: false,
  };
  const diff = (before: object, after: object) =>
    diffJailedService({ ...check(before).inputs, ...outputs }, check(after).inputs);

  test("of the same is none", () =>
    expect(diff({}, {})).toEqual({ changes: false, replaces: [], deleteBeforeReplace: false, notes: [] }));

  test.each([
    [
      {},
      { generation: "2222222222222222" },
      "switches over from generation 1111111111111111 to 2222222222222222 without a lost connection",
    ],
    [
      { switchover: "restart" },
      { switchover: "restart", generation: "2222222222222222" },
      "restart: some seconds without service, from generation 1111111111111111 to 2222222222222222",
    ],
    [{}, { environment: { A: "b" } }, "switches over without a lost connection"],
    [{}, { egress: "any" }, "port rules only: the process is not touched"],
    [{}, { limits: { memoryMax: "1G" } }, "daemon-reload: the process is not touched"],
    [{}, { limits: { limitNOFILE: 10 } }, "switches over without a lost connection"],
    [
      { switchover: "restart", volumes: { data: { jailPath: "/data" } } },
      { switchover: "restart" },
      "restart: some seconds without service; volume web.data stays on the host",
    ],
  ])("%j -> %j: %s", (before, after, note) => {
    expect(diff(before, after)).toEqual({ changes: true, replaces: [], deleteBeforeReplace: false, notes: [note] });
  });

  test("drift and unfinished work are changes", () => {
    const inputs = check({}).inputs;
    expect(diffJailedService({ ...inputs, ...outputs, drift: ["x"] }, inputs).changes).toBe(true);
    expect(diffJailedService({ ...inputs, ...outputs, unfinished: true }, inputs).changes).toBe(true);
  });

  test("a new name replaces, and the old one stops first when both would have the same data", () => {
    const volumes = { data: { jailPath: "/data", volumeName: "shared" } };
    expect(diff({}, { serviceName: "www" })).toMatchObject({ replaces: ["serviceName"], deleteBeforeReplace: false });
    expect(diff({ volumes }, { volumes, serviceName: "www" })).toMatchObject({
      replaces: ["serviceName"],
      deleteBeforeReplace: true,
    });
  });
});
