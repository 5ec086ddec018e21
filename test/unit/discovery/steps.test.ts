import { expect, test } from "vitest";
import { planDiscovery } from "../../../provider/discovery/discover.ts";
import { suiteKey } from "../../../provider/manifest/source.ts";
import { specOf } from "./recorded.ts";

const fixed = [
  ...["soname:libgcc_s.so.1", "soname:libnss_files.so.2", "soname:libnss_dns.so.2", "soname:libresolv.so.2"],
  ...["path:/etc/localtime", "path:/usr/share/zoneinfo/UTC", "path:/bin", "path:/sbin", "path:/lib", "path:/lib64"],
];

test("a discovery is one plan: sweep, build root, trace, inventory", () => {
  const spec = specOf("app.service", {
    packages: ["app=1.0-1", "extra"],
    include: ["/usr/share/app", "package:extra"],
    files: { "/etc/app.conf": { content: "é\n", mode: "0640", owner: "root:app" } },
    discovery: { method: "trace", deadlineSeconds: 90, probe: { jailPort: 8080, path: "/health" } },
  });
  expect(planDiscovery(spec, "jail-x", "jail/x")).toEqual([
    { step: "sweep-build-roots", args: ["jail-x"], describe: "sweeping build roots that were left behind" },
    {
      step: "open-build-root",
      args: ["jail-x", "jail/x", "yes", "-", "-", "-", "-", "app=1.0-1", "extra"],
      content: "0640 root:app 3 /etc/app.conf\né\n\n",
      describe: "installing app=1.0-1 extra in a build root",
    },
    {
      step: "trace-unit",
      args: ["jail-x", "app.service", "90", "http 8080 /health -"],
      describe: "tracing app.service",
    },
    {
      step: "inspect-build-root",
      args: [
        "jail-x",
        ...fixed,
        ...["package:app", "package:extra", "path:/etc/app.conf", "include:/usr/share/app", "include:package:extra"],
      ],
      describe: "looking at what it needs",
    },
  ]);
});

test("several probes travel as one word each, whatever is in them", () => {
  const probe = [
    { jailPort: 80, path: "/a b", expectStatus: "200-204" },
    { jailPort: 81 },
    { command: ["/bin/ask", "-", "%é"] },
    { script: "ask $JAIL_PORTS\nagain" },
  ];
  const spec = specOf("app.service", { discovery: { method: "trace", deadlineSeconds: 90, probe } });
  expect(planDiscovery(spec, "jail-x", "jail/x")[2]!.args.slice(3)).toEqual([
    "http 80 /a%20b 200-204",
    "tcp 81 - -",
    "exec - - - /bin/ask - %25%C3%A9",
    "script - - - ask%20%24JAIL_PORTS%0Aagain",
  ]);
});

test("what prepares the build root travels as a file of it, after the declared ones", () => {
  const spec = specOf("app.service", { packages: ["app"], prepare: "make-it\n" });
  expect(planDiscovery(spec, "jail-x", "jail/x")[1]).toMatchObject({
    content: "0600 root 8 /.pulumi-jail-prepare\nmake-it\n\n",
    describe: "installing app in a build root, preparing it",
  });
});

test("a build root of a suite is opened by its key, and its packages are brought up to date by name", () => {
  const source = { suite: "sid", snapshot: "http://archive.example/debian" };
  const spec = specOf("app.service", { packages: ["app"], source, renew: ["libapp1"] });
  const [, open] = planDiscovery(spec, "jail-x", "jail/x");
  expect(open!.args.slice(3)).toEqual([
    suiteKey(source),
    "sid",
    "-",
    "http://archive.example/debian",
    "app",
    "+libapp1",
  ]);
  expect(open!.describe).toBe("installing app in a build root of sid");
  expect(suiteKey(source)).toMatch(/^sid-[0-9a-f]{12}$/);
  expect(suiteKey({ ...source, snapshot: undefined })).not.toBe(suiteKey(source));
});

test("without a trace the unit is only read, and no tracer is brought", () => {
  const spec = specOf("app.service", { packages: ["app"], discovery: { method: "static", deadlineSeconds: 90 } });
  const steps = planDiscovery(spec, "jail-x", "jail/x");
  expect(steps.map(({ step }) => step)).toEqual([
    "sweep-build-roots",
    "open-build-root",
    "read-unit",
    "inspect-build-root",
  ]);
  expect(steps[1]!.args[2]).toBe("no");
});

test("programs without a unit are not traced", () => {
  const { unit: _, ...spec } = specOf("", { programs: ["/usr/bin/app"] });
  const steps = planDiscovery(spec, "jail-x", "jail/x");
  expect(steps.map(({ step }) => step)).toEqual(["sweep-build-roots", "open-build-root", "inspect-build-root"]);
  expect(steps[2]!.args).toContain("path:/usr/bin/app");
});
