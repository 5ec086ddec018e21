import { bytes, whole } from "../figures.ts";
import { type Report, table } from "../table.ts";
import type { Measured } from "./measure.ts";
import { protocols } from "./protocols/index.ts";

const LEAST = 25;

/** The table of all rows; Apache's times are the measure of the others'. */
export function servicesReport(all: readonly Measured[]): Report {
  const apache = all.find(({ service }) => service.name === "apache2");
  const good = all.filter(isGood);
  const alone = good.filter(({ service }) => service.files === undefined);
  return {
    title: "Packaged daemons in a jail, by package and unit name alone",
    targets: [
      {
        name: "daemons that start and answer their protocol",
        target: `at least ${LEAST}`,
        figure: `${good.length} of ${all.length}`,
        met: good.length >= LEAST,
      },
    ],
    body: [
      table(
        [
          ...["daemon", "kind", "unit", "starts", "answers", "files", "size", "packages", "exposure"],
          ...["memory", "discovery", "to Apache's", "build"],
        ],
        all.map((one) => row(one, apache)),
      ),
      `${alone.length} of the ${good.length} were given no more than \`packages\`, \`unit\` and \`ports\`; of the others the table says what their site has to say.`,
      explanation,
    ],
  };
}

/** It came up, and each of its ports spoke its protocol. */
export function isGood({ failure, answers }: Measured): boolean {
  return failure === undefined && Object.values(answers).every(({ ok }) => ok);
}

const explanation = `Each row is a program of its own with one \`Jail\` and one \`JailedService\`, put up by \`pulumi up\` and destroyed
afterwards. *answers*: the protocol's own first exchange, from another machine through the allocated host port (a unix socket: from the host). *files*, *size*: regular
files of the jail. *packages*: those that own one of them. *exposure*: \`systemd-analyze security\` of the running unit, 0 best, 10 worst. *memory*: proportional set size of all its
processes after the exchange. *discovery*: start, probe, reload and stop under the trace, and the look at what it touched; as a ratio to Apache's of the same run too. *build*: the whole jail,
packages fetched and installed into the build root included.`;

function row(one: Measured, apache: Measured | undefined): readonly string[] {
  const { service, jail, exposure, memory } = one;
  const answers = Object.values(one.answers).map(({ ok, words }) =>
    ok ? words : `**no**: ${service.cannot ?? words}`,
  );
  const names = Object.values(service.ports).map(({ speaks }) => protocols[speaks].name);
  const ratio = (jail?.discoveryMs ?? Number.NaN) / (apache?.jail?.discoveryMs ?? Number.NaN);
  return [
    `${service.packages.join(" ")}${service.suite === undefined ? "" : ` of ${service.suite}`}${service.why === undefined ? "" : ` (with ${Object.keys(service.files ?? {}).join(", ")}: ${service.why})`}`,
    service.kind,
    service.unit,
    one.failure === undefined ? "yes" : `**no**: ${service.cannot ?? reasonIn(one.failure)}`,
    one.failure === undefined
      ? names.map((name, index) => `${name}: ${short(answers[index] ?? "")}`).join("; ")
      : names.join("; "),
    ...(jail === undefined || jail.files === 0
      ? ["", "", ""]
      : [whole(jail.files), bytes(jail.bytes), whole(jail.packages)]),
    exposure?.toFixed(1) ?? "",
    memory === undefined ? "" : bytes(memory),
    ...(jail === undefined
      ? ["", "", ""]
      : [secondsOf(jail.discoveryMs), Number.isNaN(ratio) ? "" : ratio.toFixed(2), secondsOf(jail.buildMs)]),
  ];
}

function secondsOf(milliseconds: number): string {
  return Number.isNaN(milliseconds) ? "" : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** The last thing that the daemon itself said, or else the first line of what the host said. */
function reasonIn(failure: string): string {
  const lines = failure.split("\n").map((line) => line.trim());
  const said = lines.flatMap(
    (line) => /^(?:\* )?(?:log|it said|without a sandbox it said): (.*)$/.exec(line)?.[1] ?? [],
  );
  const own = said.filter((line) => !/^(Start(ing|ed)|Stopped|Failed to start|\S+\.service:)/.test(line));
  const host = lines.find((line) => line.startsWith("the host says: "))?.slice("the host says: ".length);
  return short(own.at(-1) ?? host ?? lines.filter((line) => line !== "").at(1) ?? failure);
}

function short(text: string): string {
  // Addresses are those of test hosts, other ones in each run.
  const line = text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/(\S+ \(root@)?\b\d+\.\d+\.\d+\.\d+\b(:\d+\):)?/g, "(host)")
    .trim();
  return line.length <= 120 ? line : `${line.slice(0, 117)}...`;
}
