/** `npm run bench:services [-- NAME...]`: every row of list.ts, or those named, on hosts of its own. */
import { appendFileSync } from "node:fs";
import { loadavg } from "node:os";
import { bootHosts, findHosts, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";
import { publishReport } from "../publish.ts";
import { untilDone } from "../until-done.ts";
import { type PackagedService, services } from "./list.ts";
import { type Measured, measureService } from "./measure.ts";
import { isGood, servicesReport } from "./report.ts";

/** So many rows at a time; more would only wait for each other. */
const HOSTS = ["one", "two", "three"] as const;

async function main(words: readonly string[]): Promise<number> {
  const [loadBefore = 0] = loadavg();
  const unknown = words.filter((word) => !services.some(({ name }) => name === word));
  if (unknown.length > 0) {
    progress(`there is no row ${unknown.join(", ")}; there are ${services.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const chosen = services.filter(({ name }) => words.length === 0 || words.includes(name));
  const run = `services-${process.pid}`;
  const runs = [run];
  return untilDone(
    () => clear(runs),
    async () => {
      const names = HOSTS.slice(0, chosen.length);
      // What was measured is written after each row, so that a run that is cut short leaves it. A part of the rows is a look
      // at them, not the table.
      const all = words.length === 0;
      const publish = (measured: readonly Measured[]): string =>
        publishReport("services", servicesReport(measured), "npm run bench:services", loadBefore);
      const hosts = await bootHosts({ run, hosts: names, progress });
      const another = async ({ name }: TestHost): Promise<TestHost> => {
        runs.push(`${run}-${runs.length}`);
        const [host] = (await bootHosts({ run: runs.at(-1)!, hosts: [name], progress })).hosts;
        return host!;
      };
      const measured = await measureAll(chosen, hosts, another, all ? publish : () => {});
      console.log(all ? publish(measured) : show(measured));
      return measured.every(isGood) ? 0 : 1;
    },
  );
}

/** Apache alone at first, as its times are the others' measure; then a row per host. */
async function measureAll(
  chosen: readonly PackagedService[],
  hosts: TestHosts,
  another: (host: TestHost) => Promise<TestHost>,
  after: (measured: readonly Measured[]) => void,
): Promise<readonly Measured[]> {
  const found = new Map<string, Measured>();
  const inOrder = (): readonly Measured[] => chosen.flatMap(({ name }) => found.get(name) ?? []);
  const queue = [...chosen];
  const work = async (first: TestHost): Promise<void> => {
    let host = first;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const measured = await one(next, host);
      found.set(next.name, measured);
      progress(`${found.size} of ${chosen.length} rows`);
      after(inOrder());
      if (measured.uncleared !== undefined && queue.length > 0) host = await another(host);
    }
  };
  const [first] = hosts.hosts;
  if (first !== undefined && queue[0]?.name === "apache2") found.set("apache2", await one(queue.shift()!, first));
  await Promise.all(hosts.hosts.map(work));
  return inOrder();
}

async function one(service: PackagedService, host: TestHost): Promise<Measured> {
  const measured = await measureService(service, host).catch(
    (error: unknown): Measured => ({ service, answers: {}, failure: String(error) }),
  );
  const answers = Object.values(measured.answers).map(({ words }) => words);
  progress(`${service.name}: ${measured.failure ?? answers.join("; ")}`);
  if (measured.uncleared !== undefined) progress(`${service.name}: ${measured.uncleared}`);
  const log = process.env["PULUMI_JAIL_BENCH_LOG"];
  if (log !== undefined) appendFileSync(log, `${JSON.stringify(measured)}\n`);
  return measured;
}

function show(measured: readonly Measured[]): string {
  return measured
    .map(({ service, failure, answers }) => JSON.stringify({ name: service.name, failure, answers }))
    .join("\n");
}

async function clear(runs: readonly string[]): Promise<void> {
  for (const run of runs) await (await findHosts(run))?.destroy();
}

process.exitCode = await main(process.argv.slice(2));
