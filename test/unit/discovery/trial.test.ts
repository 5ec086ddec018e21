import { describe, expect, test } from "vitest";
import { parseInventory } from "../../../provider/discovery/inventory.ts";
import {
  lookedUpInVain,
  parseTrial,
  planRepairs,
  steadyListens,
  type Trial,
} from "../../../provider/discovery/trial.ts";
import {
  describeFailure,
  describeRound,
  describeTrial,
  unreadableIn,
} from "../../../provider/discovery/trial-report.ts";
import type { Launch } from "../../../provider/manifest/launch.ts";
import { specOf } from "./recorded.ts";

/** What real hosts printed (step-trial.sh). */
const healthy = [
  "code\t0",
  "listen\ttcp 80 ::",
  "probe\t80 ok http 200",
  "failed\tENOENT\topen\t/usr/lib/locale/C.utf8/LC_COLLATE\t/usr/lib/locale/C.utf8/LC_COLLATE",
  "seed\t2\t0\t/var/log/app",
  "",
].join("\n");
const unwritten = [
  "code\t4",
  "said\tnginx.service did not start in its jail (result: exit-code)",
  'said\t2026/11/23 19:46:42 [emerg] 8742#8742: mkdir() "/var/lib/nginx/body" failed (2: No such file or directory)',
  "failed\tENOENT\tmkdir\t/var/lib/nginx/body\t-",
  "seed\t2\t0\t/var/log/nginx",
  "",
].join("\n");

const inventory = parseInventory(
  [
    "P\t/etc/app/tls.key\tf\t0600\troot\troot\t5\tbb\t-\t-\tkey",
    "P\t/usr/bin/dash\tf\t0755\troot\troot\t5\tdd\tdash\t1\t-",
    "P\t/usr/bin/sh\tl\t0777\troot\troot\t4\tdash\tdash\t1\t-",
    "P\t/usr/lib/app/hook\tf\t0755\troot\troot\t5\tee\tapp\t1\t-",
    "P\t/usr/lib/app/plugin.so\tf\t0644\troot\troot\t5\tff\tapp\t1\t-",
    "S\t/usr/lib/app/hook\t/usr/bin/sh",
    "U\tdaemon\t1\tdaemon\t/usr/sbin",
    "U\troot\t0\troot\t/root",
    "U\tuucp\t10\tuucp\t/var/spool/uucp",
    "G\tlpadmin\t120\t",
  ].join("\n"),
);

const launch: Launch = {
  unit: "app.service",
  type: "exec",
  argv: ["/usr/sbin/app"],
  workingDirectory: "/",
  environment: {},
  user: "root",
  group: "root",
  users: [],
  listens: [
    { protocol: "tcp", jailPort: 80 },
    { protocol: "udp", jailPort: 41234 },
    { protocol: "unix", path: "/run/app.sock" },
  ],
  writable: [{ path: "/var/log/app", kind: "logs", mode: "0755" }],
  writeExecuteMemory: false,
};

function failing(...calls: readonly (readonly [string, string, string?])[]): Trial {
  return {
    problem: "app.service ended by itself right after its start in its jail",
    runs: false,
    said: ["cannot go on"],
    probes: [],
    failed: calls.map(([how, path, canonical = path]) => ({ error: "ENOENT", how, path, canonical })),
    seeds: [],
  };
}

function plan(trial: Trial, exclude: readonly string[] = [], known: ReturnType<typeof planRepairs> = []) {
  return planRepairs({ trial, inventory, launch, exclude, known, round: known.length + 1 });
}

test("a group that it missed is put in as the user of that name: all names mean the service's own", () => {
  const said = ['Unknown SystemGroup "lpadmin" on line 19 of /etc/cups/cups-files.conf.'];
  expect(plan({ ...failing(), said }).map(({ path, how }) => [path, how])).toEqual([["lpadmin", "user"]]);
});

test("a user that the daemon missed by name is put into its passwd, once, and no other word of its complaint is", () => {
  const said = ["the daemon gives up", "configuration error in line 169: user uucp was not found for root"];
  const repairs = plan({ ...failing(), said });
  expect(repairs).toEqual([{ path: "uucp", how: "user", why: "repair round 1: named by the daemon when it gave up" }]);
  expect(describeRound(repairs, 1)).toBe("repair round 1: with the user uucp");
  expect(plan({ ...failing(), said }, [], repairs)).toEqual([]);
  expect(plan({ ...failing(), problem: undefined, said } as Trial)).toEqual([]);
});

test("a daemon that says that it insists on root is not told to ask for more packages", () => {
  const failure = (said: string) =>
    describeFailure({
      unit: "app.service",
      spec: specOf("app.service"),
      trial: { ...failing(), said: [said] },
      rounds: [],
      vain: [],
      inventory,
    });
  for (const said of ["app: must be run as root", "/var/spool/app is not owned by uid 0", "need root privileges"])
    expect(failure(said)).toContain("insists on being root");
  expect(failure("cannot open the root of all documents")).toContain("a package that it lacks");
});

test("what access(2) was asked about in vain is not called unreadable", () => {
  const failed = ["open", "access", "faccessat2"].map(
    (how) => ({ error: "EACCES", how, path: `/usr/lib/${how}`, canonical: `/usr/lib/${how}` }) as const,
  );
  expect(unreadableIn({ ...failing(), failed })).toEqual(["/usr/lib/open"]);
});

test("a daemon that serves while its start does not end is started by Type=exec, unless it is so already", () => {
  const trial = parseTrial("code\t4\nstays\tyes\nalive\tyes\nsaid\tits start does not end\n", []);
  const repairs = (type: Launch["type"]) =>
    planRepairs({ trial, inventory, launch: { ...launch, type }, exclude: [], known: [], round: 1 });
  expect(repairs("forking").map(({ path, how }) => `${how} ${path}`)).toEqual(["type exec"]);
  expect(describeRound(repairs("notify"), 1)).toBe("repair round 1: starting it by Type exec");
  expect(repairs("exec")).toEqual([]);
  expect(
    planRepairs({
      trial: { ...trial, stays: undefined } as Trial,
      inventory,
      launch: { ...launch, type: "forking" },
      exclude: [],
      known: [],
      round: 1,
    }),
  ).toEqual([]);
});

test("a daemon that does not run without writing beside its configuration gets that directory, and never all of /etc", () => {
  const failed = [
    { error: "EROFS", how: "mkdir", path: "/etc/app/learnt" },
    { error: "EROFS", how: "write", path: "/etc/motd" },
  ] as const;
  const repairs = plan({ ...failing(), failed });
  expect(repairs.map(({ path, how }) => `${how} ${path}`)).toEqual(["writable /etc/app"]);
});

describe("the report of a trial", () => {
  test("of a daemon that answers as it was traced has no problem, and the seeds", () => {
    expect(parseTrial(healthy, ["80 ok http 200"])).toEqual({
      runs: true,
      said: [],
      probes: ["80 ok http 200"],
      failed: [
        {
          error: "ENOENT",
          how: "open",
          path: "/usr/lib/locale/C.utf8/LC_COLLATE",
          canonical: "/usr/lib/locale/C.utf8/LC_COLLATE",
        },
      ],
      seeds: [{ path: "/var/log/app", files: 2, bytes: 0 }],
    });
  });

  test("is none the worse for a port that the kernel draws anew at each start", () => {
    expect(
      parseTrial("code\t0\nprobe\t2181 ok silent\n", ["2181 ok silent", "34223 ok silent"]).problem,
    ).toBeUndefined();
    expect(parseTrial("code\t0\n", ["2181 ok silent"]).problem).toBe("it was not there for the probe of 2181");
  });

  test("of a daemon that says a carriage return is read all the same", () => {
    const trial = parseTrial("code\t4\nsaid\tit ended\nsaid\t\r1%%\r2%%\nseed\t2\t0\t/etc/app\n", []);
    expect(trial).toMatchObject({ problem: "it ended", seeds: [{ path: "/etc/app", files: 2, bytes: 0 }] });
  });

  test("of a daemon that did not start has the daemon's words", () => {
    const { problem, said, failed } = parseTrial(unwritten, ["80 ok http 200"]);
    expect(problem).toBe("nginx.service did not start in its jail (result: exit-code)");
    expect(said).toEqual([expect.stringContaining("mkdir()")]);
    expect(failed).toEqual([{ error: "ENOENT", how: "mkdir", path: "/var/lib/nginx/body" }]);
  });

  test.each([
    [
      "80 answered http 403",
      'the probe got "80 answered http 403" in the jail, and "80 ok http 200" in the traced run',
    ],
    ["81 ok silent", "it was not there for the probe of 80"],
  ])("of a daemon that runs, and whose probe got %s, is a problem", (probe, problem) => {
    expect(parseTrial(`code\t0\nprobe\t${probe}\n`, ["80 ok http 200"]).problem).toBe(problem);
  });

  test("that was cut short is refused", () => {
    expect(() => parseTrial("", [])).toThrow("cut short");
  });
});

test("a port that the kernel drew is not waited for", () => {
  expect(steadyListens(launch)).toEqual(["tcp 80", "unix /run/app.sock"]);
});

describe("a repair round", () => {
  test("adds what was looked up in vain and is not denied, and nothing twice", () => {
    const trial = failing(["open", "/usr/lib/app/plugin.so"], ["open", "/etc/app/tls.key"], ["open", "/dev/log"]);
    const added = { path: "/usr/lib/app/plugin.so", why: "repair round 1: opened in the jail", how: "add" } as const;
    expect(plan(trial)).toEqual([added]);
    expect(plan(trial, [], [added])).toEqual([]);
  });

  test("adds nothing that is excluded, that a service has of its own, or that is made", () => {
    const trial = failing(["open", "/usr/lib/app/plugin.so"], ["open", "/var/log/app/old"], ["open", "/etc/passwd"]);
    expect(plan(trial, ["/usr/lib/app/*.so"])).toEqual([]);
  });

  test("carries a shell only when there is nothing else, and never for a daemon that runs", () => {
    const run = failing(["run", "/usr/bin/sh", "/usr/bin/dash"], ["open", "/usr/lib/app/plugin.so"]);
    const first = plan(run);
    expect(first.map(({ path, how }) => `${how} ${path}`)).toEqual(["add /usr/lib/app/plugin.so"]);
    expect(plan(run, [], first).map(({ path, how }) => `${how} ${path}`)).toEqual(["carry /usr/bin/sh"]);
    const { problem: _, ...runs } = run;
    expect(plan(runs, [], first)).toEqual([]);
  });

  test("never carries a private key", () => {
    expect(plan(failing(["open", "/etc/app/tls.key"]))).toEqual([]);
  });

  test("carries the interpreter of a script that is there and did not run", () => {
    const script = failing(["run", "/usr/lib/app/hook"]);
    const first = plan(script);
    expect(plan(script, [], first)).toEqual([
      { path: "/usr/bin/sh", why: "repair round 2: run in the jail", how: "carry" },
    ]);
  });

  test("gives a directory of its own to what could not be written, never all of /var/lib", () => {
    const trial = (path: string): Trial => ({ ...failing(), failed: [{ error: "ENOENT", how: "mkdir", path }] });
    const wanted = (path: string) => plan(trial(path)).map(({ how, path: at }) => `${how} ${at}`);
    expect(wanted("/var/lib/nginx/body")).toEqual(["writable /var/lib/nginx"]);
    expect(wanted("/var/lib/nginx")).toEqual(["writable /var/lib/nginx"]);
    expect(wanted("/etc/app/state")).toEqual([]);
    expect(wanted("/var/log/app/a")).toEqual([]);
  });
});

describe("what users read", () => {
  const spec = specOf("app.service", { include: ["/usr/share/app"] });

  test("of a round names its first path, and how many more", () => {
    const why = "repair round 1: opened in the jail";
    const repairs = ["/a", "/b", "/c"].map((path) => ({ path, why, how: "add" }) as const);
    expect(describeRound(repairs, 1)).toBe("repair round 1: adding /a and 2 more paths");
    expect(describeRound([...repairs.slice(0, 1), { path: "/bin/sh", why, how: "carry" }], 2)).toBe(
      "repair round 2: adding /a, carrying /bin/sh",
    );
  });

  test("of a jail that was complete at the first try is nothing", () => {
    expect(describeTrial({ rounds: [], lookedUpInVain: [] })).toEqual([]);
  });

  test("of a daemon that only the sandbox stops names that, what it may not read, and its last words", () => {
    const trial: Trial = {
      ...failing(),
      failed: [{ error: "EACCES", how: "open", path: "/etc/app/tls.key", canonical: "/etc/app/tls.key" }],
    };
    expect(describeTrial({ rounds: [], lookedUpInVain: [], loosened: ["netlink"] })).toEqual([
      "its sandbox is loosened, as it does not run otherwise: netlink (RestrictAddressFamilies=AF_NETLINK)",
    ]);
    const refused = {
      problem: "app ended",
      said: ["a", "b", "c", "d"],
      unreadable: unreadableIn(trial),
      shunned: false,
    };
    expect(describeTrial({ rounds: [], lookedUpInVain: [], refused })).toEqual([
      [
        "its files are complete, but not every sandbox lets it run; under the default one app ended (see JailedService: hardening)",
        "  not to be read by the jailed user: /etc/app/tls.key",
        ...["  it said: b", "  it said: c", "  it said: d"],
      ].join("\n"),
    ]);
  });

  test("of one that can never work is what was tried, what is missing, its words, and the include that would mend it", () => {
    const trial = failing(["access", "/usr/lib/app/plugin.so"], ["open", "/etc/app/tls.key"]);
    const rounds = [plan(trial)];
    const vain = lookedUpInVain(trial, inventory, launch, []).filter(({ path }) => path.endsWith(".key"));
    expect(describeFailure({ unit: "app.service", spec, trial, rounds, vain, inventory }).split("\n")).toEqual([
      "app.service ran where it was traced, and does not run in its jail: app.service ended by itself right after its start in its jail",
      "  tried: repair round 1: adding /usr/lib/app/plugin.so",
      "  tried: without a sandbox",
      "  missing: /etc/app/tls.key (holds a private key)",
      "  it said: cannot go on",
      '  would most likely mend it: include: ["/usr/share/app","/etc/app/tls.key"]',
    ]);
  });

  test("of one that misses data which is the host's own names another source of it", () => {
    const own =
      "code\t4\nsaid\tit ended\nseed\town\t/var/lib/app\nseed\town\t/var/log/app\nseed\t1\t9\t/var/lib/other\n";
    const trial = parseTrial(own, []);
    expect(trial).toMatchObject({ ownData: ["/var/lib/app"], seeds: [{ path: "/var/lib/other" }] });
    const text = describeFailure({ unit: "app.service", spec, trial, rounds: [], vain: [], inventory });
    expect(text).toContain("\n  left out, as it is this host's own data: /var/lib/app\n");
    expect(text).toMatch(/would most likely mend it: source: \{ suite: "\.\." \} with the host's own release/);
  });

  test("of one whose file is excluded names that", () => {
    const trial = failing(["open", "/usr/lib/app/plugin.so"]);
    const given = { ...spec, exclude: ["/usr/lib/app"] };
    const text = describeFailure({ unit: "app.service", spec: given, trial, rounds: [], vain: [], inventory });
    expect(text).toContain("missing: /usr/lib/app/plugin.so (is in exclude)");
    expect(text).toContain("would most likely mend it: an exclude that leaves /usr/lib/app/plugin.so in");
  });
});
