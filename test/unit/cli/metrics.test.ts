import { expect, test } from "vitest";
import { renderMetrics } from "../../../provider/cli/metrics/render.ts";
import { answered, answerOf, hostileNames, stackOf, statusOf } from "../../support/status.ts";

const SAMPLE = /^[a-z_]+\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\} \d+(?:\.\d+)?$/;

test("metrics tell hosts, jails, services and edges, each with its help and type before its samples", () => {
  const text = renderMetrics(
    statusOf(stackOf(["web1", "web2"]), (name, index) =>
      name === "web2" ? { error: "no answer" } : answered(answerOf(index, 2, [1])),
    ),
  );
  expect(text).toContain(
    '# HELP pulumi_jail_service_up Whether the service\'s own check passes, or its unit is active where it has none.\n# TYPE pulumi_jail_service_up gauge\npulumi_jail_service_up{project="shop",stack="dev",host="web1",service="web",jail="apache"} 1\n',
  );
  expect(text).toContain('pulumi_jail_host_up{project="shop",stack="dev",host="web2"} 0\n');
  const at = 'project="shop",stack="dev",host="web1"';
  expect(text).toContain(`pulumi_jail_service_cpu_seconds_total{${at},service="web",jail="apache"} 2.5\n`);
  expect(text).toContain(`pulumi_jail_backend_up{${at},mapping="site",backend="web.http.10.0.0.2"} 0\n`);
  // What is not known is no sample: nothing but its absence is told of a host that does not answer.
  expect(text.match(/host="web2"/g)).toHaveLength(1);
  expect(wrongLines(text)).toEqual([]);
  expect(text.endsWith("\n")).toBe(true);
});

test("labels hold any name, and all of one metric stands together", () => {
  const text = renderMetrics(statusOf(stackOf(hostileNames), (_, index) => answered(answerOf(index))));
  expect(wrongLines(text)).toEqual([]);
  expect(text).toContain('host="a\\\\\\"} 1\\nevil_metric{x=\\""');
  const names = text.split("\n").flatMap((line) => /^# TYPE (\S+)/.exec(line)?.[1] ?? []);
  expect(new Set(names).size).toBe(names.length);
  const order = text.split("\n").flatMap((line) => (line.startsWith("#") ? [] : [line.split("{")[0]]));
  expect(order.filter((name, index) => name !== order[index - 1] && order.indexOf(name) !== index)).toEqual([]);
});

function wrongLines(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !/^# (HELP|TYPE) [a-z_]+ \S/.test(line) && !SAMPLE.test(line));
}
