import { describe, expect, it } from "vitest";
import { ticksOf } from "../../../bench/throughput/processor-time.ts";
import { withoutHardening } from "../../../bench/throughput/unhardened.ts";
import { isOnBridge, parseWrk } from "../../../bench/throughput/wrk.ts";

const printed = `Running 4s test @ http://10.213.2.14/
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.77ms    4.60ms  67.18ms   90.53%
    Req/Sec    17.56k     2.76k   22.70k    67.50%
  Latency Distribution
     50%    2.35ms
     75%    4.11ms
     90%    8.02ms
     99%   23.41ms
  69923 requests in 4.00s, 24.34MB read
Requests/sec:  17468.81
Transfer/sec:      6.08MB
`;

describe("wrk's output", () => {
  it("is read", () => {
    expect(parseWrk(printed)).toEqual({
      requestsPerSecond: 17468.81,
      p50: 2.35,
      p99: 23.41,
      requests: 69923,
      failed: 0,
      closed: 0,
    });
  });

  it("counts socket errors and bad answers as failed, but for connections that the server ends", () => {
    const errors =
      "  Socket errors: connect 1, read 2, write 0, timeout 3\n  Non-2xx or 3xx responses: 40\nRequests/sec:";
    expect(parseWrk(printed.replace("Requests/sec:", errors))).toMatchObject({ failed: 44, closed: 2 });
  });

  it("is in milliseconds whatever unit it has", () => {
    expect(parseWrk(printed.replace("23.41ms", "1.50s")).p99).toBe(1500);
    expect(parseWrk(printed.replace("23.41ms", "500.00us")).p99).toBe(0.5);
  });

  it("is an error without figures", () => {
    expect(() => parseWrk("unable to connect to 10.0.0.1:80 Connection refused\n")).toThrow("Connection refused");
  });
});

describe("a load's target", () => {
  it.each([
    ["10.213.2.14", true],
    ["10.213.20.14", false],
    ["127.0.0.1", false],
    ["10.213.2.example.org", false],
  ])("%s on the bridge 10.213.2.0/24: %s", (address, expected) => {
    expect(isOnBridge("10.213.2.0/24", address)).toBe(expected);
  });
});

describe("a unit without hardening", () => {
  it("keeps what makes the service run, in another namespace", () => {
    const unit = `# mark
[Unit]
Requires=jailed-web-net@a.service
[Service]
Type=exec
ExecStart=/usr/sbin/apache2 \\
  -k start
User=pj-web
RootDirectory=/jail
ProtectSystem=strict
SystemCallFilter=@system-service
NetworkNamespacePath=/run/netns/pj-web-a
BindPaths=/log:/var/log/apache2
`;
    expect(withoutHardening(unit, "bench")).toBe(`[Service]
Type=exec
ExecStart=/usr/sbin/apache2    -k start
User=pj-web
RootDirectory=/jail
BindPaths=/log:/var/log/apache2
NetworkNamespacePath=/run/netns/bench
`);
  });
});

describe("a process's ticks", () => {
  const stat = "1234 (a ) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";

  it("are its own, and those of its ended children when asked for", () => {
    expect(ticksOf(stat, 2)).toBe(11 + 12);
    expect(ticksOf(stat, 4)).toBe(11 + 12 + 13 + 14);
  });

  it("are an error in a line that is none", () => {
    expect(() => ticksOf("", 2)).toThrow("no line");
  });
});
