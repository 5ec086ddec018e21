import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeBuildRootStep, type Discovered, discover, planDiscovery } from "../../provider/discovery/discover.ts";
import { openedAtStart } from "../../provider/discovery/opened-at-start.ts";
import type { DiscoverySpec } from "../../provider/discovery/spec.ts";
import type { Host } from "../../provider/host/host.ts";
import { sweepState } from "../../provider/host/steps/files.ts";
import { connectionTo, openHost, shell } from "./ssh-site.ts";

interface Site {
  readonly machine: TestHost;
  readonly host: Host;
  readonly close: () => void;
}

let hosts: TestHosts;
let one: Site;
let other: Site;

beforeAll(async () => {
  hosts = await bootHosts({ run: `discovery-${process.pid}`, hosts: ["one", "other"] });
  [one, other] = ["one", "other"].map((name): Site => {
    const machine = hosts.host(name);
    return { machine, ...openHost(connectionTo(machine)) };
  }) as [Site, Site];
});

afterAll(async () => {
  one?.close();
  other?.close();
  await hosts?.destroy();
});

const options = { id: "jail-t", urn: "urn:t", lock: "jail/t" } as const;

function spec(name: string, unit: string, changes: Partial<DiscoverySpec> = {}): DiscoverySpec {
  return {
    packages: [name],
    unit,
    include: [],
    exclude: [],
    files: {},
    users: [],
    discovery: { method: "trace", deadlineSeconds: 120 },
    ...changes,
  };
}

const nginx = spec("nginx", "nginx.service");

async function closeBuildRoot({ host }: Site): Promise<void> {
  await host.apply({ lock: options.lock, urn: options.urn, steps: [closeBuildRootStep(options.id), sweepState()] });
}

async function discoverAndClose(site: Site, wanted: DiscoverySpec): Promise<Discovered> {
  try {
    return await discover(site.host, wanted, options);
  } finally {
    await closeBuildRoot(site);
  }
}

/** What of ours is on a host: mounts, runtime units, files of state. */
async function leftovers({ machine }: Site): Promise<string> {
  return shell(
    machine,
    "grep -c /var/lib/pulumi-jail/build/ /proc/self/mountinfo; ls /run/systemd/system | grep -c -e trace -e trial; ls /var/lib/pulumi-jail 2>/dev/null | wc -l",
  );
}

describe("a discovery on hosts that do not have the package", () => {
  test("of apache2 gives the same manifest on two hosts, and leaves them as they were", async () => {
    const before = await one.machine.fingerprint();
    const told: string[] = [];
    const [mine, others] = await Promise.all([
      discover(one.host, spec("apache2", "apache2.service"), { ...options, progress: (text) => told.push(text) }),
      discoverAndClose(other, spec("apache2", "apache2.service")),
    ]);
    expect(await leftovers(one)).not.toMatch(/^0\n0\n0/);
    await closeBuildRoot(one);
    expect(told).toEqual([
      "sweeping build roots that were left behind",
      "installing apache2 in a build root",
      "tracing apache2.service",
      "looking at what it needs",
      "trying apache2.service in its jail",
    ]);
    expect(others.manifest).toEqual(mine.manifest);
    expect(mine.report).toMatchObject({ probes: ["80 ok http 200"] });
    expect(mine.report.trial).toEqual({ rounds: [], lookedUpInVain: [] });
    expect(mine.report.files).toBeLessThanOrEqual(100);
    expect(mine.report.bytes).toBeLessThanOrEqual(6_000_000);
    expect(diffFingerprints(before, await one.machine.fingerprint())).toEqual([]);
    expect(await leftovers(one)).toMatch(/^0\n0\n0/);
  });

  test("takes declared files into the trace, lifts the deny list for what is included, and leaves out what is excluded", async () => {
    const page = "/var/www/html/index.nginx-debian.html";
    const conf = "/etc/nginx/conf.d/ours.conf";
    const { manifest } = await discoverAndClose(one, {
      ...nginx,
      files: {
        [page]: { content: "é\n", mode: "0640", owner: "root:www-data" },
        [conf]: { content: "server_tokens off;\n", mode: "0644", owner: "root" },
      },
      include: ["/bin/sh", "/usr/share/nginx/html/[hi]*.html", "package:nginx-common"],
      exclude: ["/etc/ssl/openssl.c*"],
    });
    const entries = Object.fromEntries(manifest.entries.map((entry) => [entry.path, entry]));
    expect(entries[page]).toMatchObject({ mode: "0640", group: "www-data", size: 3 });
    expect(entries[page]?.why).toEqual(["given in files", "opened while probed"]);
    expect(entries[conf]?.why).toEqual(["given in files", "opened at start"]);
    expect([openedAtStart(manifest, page), openedAtStart(manifest, conf)]).toEqual([false, true]);
    expect(entries["/usr/bin/dash"]?.why).toContain("included by include[0]");
    expect(entries["/usr/share/nginx/html/index.html"]?.why).toContain("included by include[1]");
    expect(entries["/etc/nginx/fastcgi.conf"]).toMatchObject({
      package: "nginx-common",
      why: ["included by include[2]"],
    });
    expect(entries["/usr/sbin/nginx"]?.why).toContain("the service's own program");
    expect(entries["/etc/ssl/openssl.cnf"]).toBeUndefined();
  });

  test("fails with the daemon's own words when it does not start, and leaves nothing that runs", async () => {
    const bad = { content: "no_such_directive on;\n", mode: "0644", owner: "root" };
    const wanted = { ...nginx, files: { "/etc/nginx/conf.d/bad.conf": bad } };
    const failed = await discover(one.host, wanted, options).catch((error) => error);
    expect(failed).toMatchObject({ kind: "discovery", stderr: expect.stringContaining("no_such_directive") });
    expect(failed.message).toContain("nginx.service did not start in the build root");
    await closeBuildRoot(one);
    expect(await leftovers(one)).toMatch(/^0\n0\n0/);
  });

  test("names a package that there is not, in apt's words", async () => {
    const failed = await discoverAndClose(one, spec("no-such-package", "x.service")).catch((error) => error);
    expect(failed).toMatchObject({
      kind: "step",
      stderr: expect.stringContaining("Unable to locate package no-such-package"),
    });
  });

  test("names a unit that no package brings", async () => {
    const failed = await discoverAndClose(one, spec("media-types", "absent.service")).catch((error) => error);
    expect(failed).toMatchObject({
      kind: "discovery",
      stderr: expect.stringContaining("the packages bring no unit absent.service; they bring none at all"),
    });
  });

  test("killed in the middle of the trace, it is cleared by the next run of the same name", async () => {
    const before = await one.machine.fingerprint();
    const steps = planDiscovery(nginx, options.id, options.lock);
    const killed = one.host
      .apply({ lock: options.lock, urn: options.urn, steps }, (text) => {
        if (text.startsWith("tracing")) void shell(one.machine, killRun("trace"));
      })
      .catch((error) => error);
    expect(await killed).toBeInstanceOf(Error);
    expect(await leftovers(one)).not.toMatch(/^0\n0\n/);
    await discoverAndClose(one, nginx);
    expect(await leftovers(one)).toMatch(/^0\n0\n0/);
    expect(diffFingerprints(before, await one.machine.fingerprint())).toEqual([]);
  });
});

test("a daemon with a user and data of its own is launched as that, its data kept out and pristine", async () => {
  const found = await discover(one.host, spec("redis-server", "redis-server.service"), options);
  const data = await shell(one.machine, `ls -A ${found.buildRoot}/var/lib/redis | wc -l`);
  await closeBuildRoot(one);
  expect(found.manifest.launch).toMatchObject({
    type: "notify",
    user: "redis",
    listens: [{ protocol: "tcp", jailPort: 6379 }],
  });
  expect(found.manifest.entries.filter(({ path }) => path.startsWith("/var/lib/redis/"))).toEqual([]);
  expect(data.trim()).toBe("0");
});

test("without a unit a program's libraries are followed", async () => {
  const { unit: _, ...programs } = spec("redis-tools", "", { programs: ["/usr/bin/redis-cli"] });
  const { manifest } = await discoverAndClose(one, programs);
  const paths = manifest.entries.filter(({ kind }) => kind === "file").map(({ path }) => path);
  expect(paths).toContain("/usr/bin/redis-cli");
  expect(paths.some((path) => path.endsWith("/libc.so.6"))).toBe(true);
  expect(manifest.launch.argv).toEqual(["/usr/bin/redis-cli"]);
});

/** Ends the step that traces or tries without a chance to clean up, as a kernel short of memory would. */
function killRun(kind: "trace" | "trial"): string {
  return `for try in $(seq 400); do p=$(pgrep -o -f "^perl.*pulumi-jail-${kind}-jail-t") && break; sleep 0.05; done; kill -9 $(ps -o ppid= $p) $p`;
}

describe("a daemon that is tried in its jail", () => {
  const unit = "tried.service";
  /** Listens on 7777, once it found all that its lines ask for; `$jailed` is true where the package manager is not. */
  const tried = (lines: readonly string[]): DiscoverySpec => ({
    ...spec("media-types", unit),
    files: {
      "/usr/local/sbin/tried": {
        content: [
          "#!/usr/bin/perl",
          "use strict; use Socket; my $jailed = !-e '/usr/bin/apt-get';",
          ...lines,
          "socket my $in, PF_INET, SOCK_STREAM, 0; setsockopt $in, SOL_SOCKET, SO_REUSEADDR, 1;",
          "bind $in, sockaddr_in(7777, INADDR_ANY) and listen $in, 5 or die 'cannot listen';",
          'while (accept my $out, $in) { syswrite $out, "hello\\n" }',
          "",
        ].join("\n"),
        mode: "0755",
        owner: "root",
      },
      [`/etc/systemd/system/${unit}`]: {
        content: "[Service]\nExecStart=/usr/local/sbin/tried\n",
        mode: "0644",
        owner: "root",
      },
    },
  });

  test("gets what it looks for there only, and then the shell that it does not run without", async () => {
    const told: string[] = [];
    const before = await one.machine.fingerprint();
    const wanted = tried([
      "if ($jailed) { open my $file, '<', '/etc/debian_version' or die 'no version' }",
      "system('/bin/sh', '-c', 'exit 0') == 0 or die 'no shell';",
    ]);
    const found = await discover(one.host, wanted, { ...options, progress: (text) => told.push(text) });
    await closeBuildRoot(one);
    expect(told.slice(4)).toEqual([
      "trying tried.service in its jail",
      "looking at what it needs",
      "repair round 1: adding /etc/debian_version",
      "trying tried.service in its jail",
      "repair round 2: carrying /bin/sh",
      "trying tried.service in its jail",
    ]);
    const entries = new Map(found.manifest.entries.map(({ path, why }) => [path, why]));
    expect(entries.get("/etc/debian_version")).toEqual(["repair round 1: opened in the jail"]);
    expect(entries.get("/usr/bin/dash")).toContain("repair round 2: run in the jail");
    expect(found.notes).toEqual(expect.arrayContaining(told.filter((line) => line.startsWith("repair"))));
    expect(diffFingerprints(before, await one.machine.fingerprint())).toEqual([]);
  });

  test("is told of when only the sandbox stops it, which a run without one shows, after a run that was killed", async () => {
    const wanted = tried(["chroot '/var' or die qq(cannot chroot: $!\\n);"]);
    const kill = (text: string) => void (text.startsWith("trying") && shell(one.machine, killRun("trial")));
    const killed = await discover(one.host, wanted, { ...options, progress: kill }).catch((error) => error);
    expect(killed).toMatchObject({ kind: expect.stringMatching(/step|lost/) });
    expect(await leftovers(one)).not.toMatch(/^0\n0\n/);
    const { notes, report } = await discoverAndClose(one, wanted);
    expect(await leftovers(one)).toMatch(/^0\n0\n0/);
    expect(report.trial?.refused?.said).toContain("cannot chroot: Operation not permitted");
    expect(notes.join("\n")).toContain("its files are complete, but not every sandbox lets it run");
  });

  test("and never can work there fails with one report, which has the include that would mend it", async () => {
    const key = "/etc/ssh/ssh_host_ed25519_key";
    const lines = [`if ($jailed) { open my $file, '<', '${key}' or die qq(no key: $!\\n) }`];
    const failed = await discover(one.host, tried(lines), options).catch((error) => error);
    await closeBuildRoot(one);
    expect(failed).toMatchObject({ kind: "discovery" });
    expect(failed.message).toContain("tried.service ran where it was traced, and does not run in its jail");
    expect(failed.message).toContain(`missing: ${key} (is a place of private keys)`);
    expect(failed.message).toContain("it said: no key: No such file or directory");
    expect(failed.message).toContain(`would most likely mend it: include: ["${key}"]`);
    expect(await leftovers(one)).toMatch(/^0\n0\n0/);
  });
});
