import { describe, expect, test } from "vitest";
import { hostsOf } from "../../../provider/cli/status/known-host.ts";
import { statusQuestion } from "../../../provider/cli/status/question.ts";
import { drawing, exitCodeOf } from "../../../provider/cli/status/status.ts";
import { renderTable } from "../../../provider/cli/status/table.ts";
import { bytes, duration, renderStatus } from "../../../provider/cli/status/text.ts";
import { parseWords } from "../../../provider/cli/words.ts";
import { answered, answerOf, hostileNames, stackOf, statusOf } from "../../support/status.ts";

const three = ["web1", "web2", "web10"];
const plainly = { width: 100, colour: false };

describe("status", () => {
  test("shows hosts, jails, services, ports, weights, health and generations on one screen", () => {
    const status = statusOf(stackOf(three), (_, index) => answered(answerOf(index, index === 0 ? 3 : 0)));
    expect(renderStatus(status, plainly)).toEqual([
      "shop/dev: 3 hosts, 3 jails, 3 services, 1 mapping; all is well",
      "",
      "HOST   WEIGHT  JAIL    GENERATION    SERVICE  PORTS          HEALTH     UP FOR   MEMORY",
      "web1     87 %  apache  cc50819f4ef2  web      http 20128>80  up      2 h 5 min  12.3 MB",
      "web2     87 %  apache  cc50819f4ef2  web      http 20129>80  up      2 h 5 min  12.3 MB",
      "web10    87 %  apache  cc50819f4ef2  web      http 20130>80  up      2 h 5 min  12.3 MB",
      "",
      "MAPPING  EDGE  URL               BACKEND            STATE  WEIGHT  SESSIONS  REQUESTS",
      "site     web1  http://10.0.0.1/  web.http.10.0.0.1  UP        100         0         3",
      "                                 web.http.10.0.0.2  UP     99/100         1         3",
      "                                 web.http.10.0.0.3  UP     98/100         2         3",
    ]);
    expect(exitCodeOf(status)).toBe(0);
  });

  test("gives a host that does not answer one line, shows the others, and says so by exit code 3", () => {
    const status = statusOf(stackOf(three), (name, index) =>
      name === "web2" ? { error: "no answer within 15 s" } : answered(answerOf(index, index === 0 ? 3 : 0)),
    );
    const lines = renderStatus(status, plainly);
    expect(lines.filter((line) => line.startsWith("web2 "))).toEqual([
      "web2        -  -       -             -        -              no answer",
    ]);
    expect(lines.at(-1)).toBe("! web2 does not answer: no answer within 15 s");
    expect(lines.filter((line) => / up {2}/.test(line))).toHaveLength(2);
    expect(exitCodeOf(status)).toBe(3);
  });

  test("names what is not well, by exit code 1", () => {
    const ill = (index: number) => {
      const well = answerOf(index, index === 0 ? 3 : 0, [1]);
      if (index === 1)
        return well.replace("health\tweb\tup", "health\tweb\tdown\tno tcp connection to port 80: refused");
      if (index === 2) return well.replaceAll("cc50819f4ef243b0", "0000000000000000");
      return well;
    };
    const status = statusOf(stackOf(three), (_, index) => answered(ill(index)));
    expect(status.problems).toEqual([
      "mapping site on web1: backend web.http.10.0.0.2 is DOWN (L4CON)",
      "service web on web2: no tcp connection to port 80: refused",
      "jail apache on web10: generation 0000000000000000, by the state cc50819f4ef243b0",
      "service web on web10: generation 0000000000000000, by the state cc50819f4ef243b0",
    ]);
    expect(exitCodeOf(status)).toBe(1);
  });

  test("tells apart a unit that is not active, a service that is gone and an edge that is stopped", () => {
    const answer = answerOf(0, 3);
    const problems = (text: string) => statusOf(stackOf(["web1"]), () => answered(text)).problems;
    expect(problems(answer.replace("active\trunning\tsuccess", "failed\tfailed\texit-code"))).toEqual([
      "service web on web1: its unit is failed (exit-code)",
    ]);
    expect(problems(answer.replace("known", "absent"))).toEqual(["service web on web1: it is not on the host"]);
    const stopped = Buffer.from("ActiveState=failed\n").toString("base64");
    const withoutProxy = answer.replace(/^edge.*\ninfo.*\nstat.*$/m, `edge\t${stopped}\ninfo\t-\nstat\t-`);
    expect(problems(withoutProxy)).toEqual(["the edge's HAProxy on web1: its unit is failed"]);
    expect(problems(answer)).toEqual([]);
  });

  test("asks for each service by its own check, over its slot's address, and for the edge where there is one", () => {
    const known = stackOf(["web1", "web2"]);
    const [first, second] = hostsOf(known).map((host) => statusQuestion(host).content);
    expect(first).toBe("service\tweb\tpj-web\ncheck\tweb\ttcp\t-\t80\njail\tapache\nedge\n");
    expect(second).toBe("service\tweb\tpj-web\ncheck\tweb\ttcp\t-\t80\njail\tapache\n");
    const [one] = hostsOf(known);
    const http = { ...one!.services[0]!.properties, healthCheck: { path: "/ok", expectStatus: "204" } };
    const exec = { ...http, healthCheck: { command: ["/bin/ok", "a\tb\nedge"] } };
    const asked = (properties: typeof http | typeof exec) =>
      statusQuestion({ ...one!, services: [{ ...one!.services[0]!, properties }] }).content;
    expect(asked(http)).toContain("check\tweb\thttp\t-\t80\t204\t/ok\n");
    expect(asked(exec)).toBe("service\tweb\tpj-web\njail\tapache\nedge\n");
  });

  test("asks no proxy of an edge whose ports the kernel forwards", () => {
    const known = stackOf(["web1"]);
    const [mapping] = known.mappings;
    const forwarded = { ...mapping!, properties: { ...mapping!.properties, engine: "nftables" as const } };
    const stack = { ...known, mappings: [forwarded] };
    expect(statusQuestion(hostsOf(stack)[0]!).content).not.toContain("edge");
    const status = statusOf(stack, () => answered(answerOf(0)));
    expect(status.problems).toEqual([]);
    expect(renderStatus(status, plainly).at(-1)).toMatch(/web\.http\.10\.0\.0\.1 {2}nftables +\(100\) +- +-$/);
  });

  test("lets no name move the cursor, change colours or break a line", () => {
    const status = statusOf(stackOf(hostileNames, "de\u001b[2Jv"), (_, index) => ({
      error: `\u001b]0;x\u0007${index}\n`,
    }));
    const lines = renderStatus(status, plainly);
    expect(lines.join("")).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(lines).toHaveLength(3 + hostileNames.length + 2 + hostileNames.length + 1 + hostileNames.length);
  });

  test("fits 80 columns", () => {
    const status = statusOf(stackOf(["a-host-with-a-very-long-name.example.org", "web2"]), (_, index) =>
      answered(answerOf(index, index === 0 ? 2 : 0).replace("http", "a-key-that-is-quite-long")),
    );
    const widest = Math.max(...renderStatus(status, { width: 80, colour: false }).map((line) => [...line].length));
    expect(widest).toBeLessThanOrEqual(80);
  });
});

describe("a table", () => {
  test("aligns columns to the left or right, cuts the widest, and colours after that", () => {
    const rows = [
      [{ text: "A" }, { text: "B", right: true }],
      [{ text: "one that is too long" }, { text: "1", right: true, mood: "bad" as const }],
    ];
    expect(renderTable(rows, { width: 14, colour: false })).toEqual(["A            B", "one that i…  1"]);
    expect(renderTable(rows, { width: 80, colour: true })[1]).toBe("one that is too long  \u001b[31m1\u001b[0m");
  });

  test("has colours on a terminal only, and where they are wished", () => {
    expect(drawing({ isTTY: true, columns: 200 }, {})).toEqual({ width: 120, colour: true });
    expect(drawing({ isTTY: true, columns: 60 }, { NO_COLOR: "1" })).toEqual({ width: 80, colour: false });
    expect(drawing({}, {})).toEqual({ width: 120, colour: false });
    expect(drawing({ isTTY: true }, { TERM: "dumb" }).colour).toBe(false);
  });

  test("says durations and sizes as people do", () => {
    expect([9.9, 61, 7500, 270_000].map(duration)).toEqual(["9 s", "1 min", "2 h 5 min", "3 d 3 h"]);
    expect([4096, 12_345_678, 234_000_000, 1.5e9].map(bytes)).toEqual(["4 kB", "12.3 MB", "234 MB", "1.5 GB"]);
  });
});

describe("the words of status, graph and metrics", () => {
  test("are understood", () => {
    expect(parseWords(["status", "--watch"])).toMatchObject({ command: "status", watch: 5 });
    expect(parseWords(["status", "--watch=30", "--drift", "--timeout", "3"])).toMatchObject({
      ...{ watch: 30, drift: true, timeout: 3 },
    });
    expect(parseWords(["graph", "--live"])).toMatchObject({ format: "mermaid", live: true });
  });

  test.each([
    [["status", "--watch=0"], "--watch 0: seconds, 1 to 86400"],
    [["status", "--timeout", "soon"], "--timeout soon: seconds"],
    [["graph", "--format", "spdx"], "--format spdx: mermaid or svg"],
    [["verify", "--watch"], "verify has no --watch"],
    [["status", "--live"], "status has no --live"],
  ])("are refused: %j", (argv, message) => {
    expect(() => parseWords(argv)).toThrow(message);
  });
});
