import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const program = join(import.meta.dirname, "../../../provider/host/scripts/responder.pl");

/** Captured: a host at rest, one whose processors are fought for, one that swaps. */
const IDLE = "some avg10=0.00 avg60=0.13 avg300=0.28 total=52318\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
const BUSY = "some avg10=70.66 avg60=48.58 avg300=32.41 total=14677382026\nfull avg10=0.00 avg60=0.00 total=0\n";
const SWAPS =
  "some avg10=12.40 avg60=3.10 avg300=0.90 total=883127\nfull avg10=9.70 avg60=2.00 avg300=0.50 total=70121\n";
const LOADAVG = "5.14 5.54 4.28 7/693 46\n";

describe("the weight of a load", () => {
  test.each([
    ["at rest", [IDLE, IDLE, LOADAVG, 2], "100"],
    ["processors fought for", [BUSY, IDLE, LOADAVG, 2], "29"],
    ["memory takes its part", [BUSY, SWAPS, LOADAVG, 2], "17"],
    ["never below 10", [BUSY.replace("70.66", "99.50"), SWAPS, LOADAVG, 2], "10"],
    ["without PSI: the share of a processor", [undefined, undefined, LOADAVG, 2], "39"],
    ["without PSI, less to do than processors", [undefined, undefined, "1.90 0 0 1/2 3\n", 2], "100"],
    ["PSI that is no PSI", ["", undefined, LOADAVG, 4], "78"],
    ["a host that says nothing", [undefined, undefined, undefined, 2], "undef"],
    ["texts that are none", ["some avg10=x", "y", "z", 2], "undef"],
  ])("%s", (_, given, weight) => expect(call("weight_of_load", given)).toBe(weight));
});

describe("damping", () => {
  test.each([
    ["down by 20 points at most", [10, 100, 2], "80"],
    ["up by 20 points at most", [100, 30, 2], "50"],
    ["to a near one at once", [91, 100, 3], "91"],
    ["the same answer within two seconds", [10, 100, 1], "100"],
    ["what is older than half a minute counts no more", [10, 100, 31], "10"],
    ["nor what is from before a reboot", [10, 100, -5], "10"],
    ["nor what is no weight", [55, "x", 2], "55"],
    ["a last one that was too low is no excuse", [100, "00", 1], "10"],
  ])("%s", (_, given, weight) => expect(call("damped", given)).toBe(weight));
});

test("processors are counted as the kernel lists them", () => {
  expect([["0"], ["0-1\n"], ["0-3,6"], [""], [undefined]].map((given) => call("count_of", given))).toEqual([
    "1",
    "2",
    "5",
    "1",
    "1",
  ]);
});

test("an agent-check is answered by HAProxy's words, and `ready` only ends a drain", () => {
  expect(
    [
      [0, 0, 75],
      [0, 0, undefined],
      [0, 1, 75],
      [0, 1, undefined],
      [1, 1, 75],
    ].map((given) => call("agent_answer", given)),
  ).toEqual(["up 75%\n", "up\n", "up ready 75%\n", "up ready\n", "up drain\n"]);
});

test("the registry is told as JSON, and a line that is none is left out", () => {
  const lines = [
    "web\tcc50819f4ef243b0\thttp\ttcp\t29438\t80\t100.127.0.1:80",
    "web\tcc50819f4ef243b0\tadmin\ttcp\t21000\t81\t100.127.0.1:81",
    'x"y\t-\thttp\ttcp\t1\t2\t-',
    "dns\t-\tdns\tudp\t23000\t53\t-",
    "half\ta line",
  ].join("\n");
  const script = 'print render_ports([parse_ports($ARGV[1])], 42, sub { $_[0] eq "dns" }, { "100.127.0.1:80" => 1 })';
  const [head, body] = perl(script, [lines]).split("\r\n\r\n");
  expect(head).toBe(
    `HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body!)}\r\nConnection: close`,
  );
  expect(JSON.parse(body!)).toEqual({
    schema: 1,
    weight: 42,
    services: [
      {
        name: "web",
        generation: "cc50819f4ef243b0",
        state: "ready",
        ports: [
          { key: "http", protocol: "tcp", hostPort: 29438, jailPort: 80, health: "up" },
          { key: "admin", protocol: "tcp", hostPort: 21000, jailPort: 81, health: "down" },
        ],
      },
      {
        name: "dns",
        generation: null,
        state: "drain",
        ports: [{ key: "dns", protocol: "udp", hostPort: 23000, jailPort: 53, health: "unknown" }],
      },
    ],
  });
});

test("the registry is told to Prometheus, each metric with its help and type before its samples", () => {
  const lines = [
    "web\tcc50819f4ef243b0\thttp\ttcp\t29438\t80\t100.127.0.1:80",
    "web\tcc50819f4ef243b0\tadmin\ttcp\t21000\t81\t100.127.0.1:81",
    'x"y\t-\thttp\ttcp\t1\t2\t-',
    "dns\t-\tdns\tudp\t23000\t53\t-",
  ].join("\n");
  const group =
    'sub { $_[0] ne "web" ? undef : $_[1] eq "cpu.stat" ? 2500000 : "4096\\n" =~ $_[2] ? $1 : die "no match" }';
  const well = '{ "100.127.0.1:80" => 1, "100.127.0.1:81" => $ARGV[2] }';
  const script = `print render_metrics([parse_ports($ARGV[1])], 42, sub { $_[0] eq "dns" }, ${well}, ${group})`;
  const [head, body] = perl(script, [lines, "1"]).split("\r\n\r\n");
  expect(head).toContain("Content-Type: text/plain; version=0.0.4\r\n");
  const samples = body!.split("\n").filter((line) => !line.startsWith("#"));
  expect(samples).toEqual([
    "pulumi_jail_host_weight 42",
    'pulumi_jail_service_up{service="web"} 1',
    'pulumi_jail_service_info{service="web",generation="cc50819f4ef243b0"} 1',
    'pulumi_jail_service_info{service="dns",generation=""} 1',
    'pulumi_jail_service_draining{service="web"} 0',
    'pulumi_jail_service_draining{service="dns"} 1',
    'pulumi_jail_service_memory_bytes{service="web"} 4096',
    'pulumi_jail_service_tasks{service="web"} 4096',
    'pulumi_jail_service_cpu_seconds_total{service="web"} 2.5',
    'pulumi_jail_service_port{service="web",port="http",protocol="tcp"} 29438',
    'pulumi_jail_service_port{service="web",port="admin",protocol="tcp"} 21000',
    'pulumi_jail_service_port{service="dns",port="dns",protocol="udp"} 23000',
    "",
  ]);
  expect(body!.match(/^# HELP (\S+) .*\n# TYPE \1 (gauge|counter)\n\1/gm)).toHaveLength(8);
  // One port that takes no connection is enough.
  expect(perl(script, [lines, "0"])).toContain('pulumi_jail_service_up{service="web"} 0\n');
});

test("garbage and what the registry does not know are answered by nothing", () => {
  for (const asked of [
    "",
    "x",
    "web.http",
    "../../etc/passwd",
    "GET / HTTP/1.0\r\n\r\n",
    "GET /ports\n",
    "GET /metrics/../ports HTTP/1.0\r\n\r\n",
    "A".repeat(2048),
  ])
    expect(perl('print defined answer_to($ARGV[1]) ? "something" : "nothing"', [asked])).toBe("nothing");
  // The positive control.
  for (const asked of ["GET /ports HTTP/1.0\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"])
    expect(perl("print answer_to($ARGV[1])", [asked])).toMatch(/^HTTP\/1\.0 200 OK\r\n/);
});

function call(name: string, given: readonly unknown[]): string {
  const script = `my $r = ${name}(map { /^s(.*)/s ? $1 : undef } @ARGV[1 .. $#ARGV]); print $r // "undef"`;
  return perl(
    script,
    given.map((value) => (value === undefined ? "u" : `s${value}`)),
  );
}

function perl(script: string, args: readonly string[]): string {
  return execFileSync("perl", ["-e", `do $ARGV[0] or die $@; ${script}`, program, ...args], { encoding: "utf8" });
}
