import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { bootHosts, findHosts, type TestHosts } from "./boot-hosts.ts";
import { enterArgv } from "./exec.ts";
import { readRun, readRuns } from "./registry.ts";
import { removeRun, sweepRuns } from "./teardown.ts";
import type { TestHost } from "./test-host.ts";

const USAGE = `node dev/hosts/cli.ts COMMAND [--run NAME] [--json] ...
  up HOST...            boot hosts and leave them up (default run: "default")
  list                  every run's hosts, with address, key and state
  exec HOST -- CMD...   run a command on a host, not through SSH
  ssh HOST [CMD...]     log in
  kill | start | reboot | pause | resume | partition | heal HOST...
  fingerprint HOST      everything a host consists of, as JSON
  down                  end a run and remove all it made
  sweep                 clear what killed runs left`;

const ACTIONS = ["kill", "start", "reboot", "pause", "resume", "partition", "heal"] as const;

async function main(argv: readonly string[]): Promise<number> {
  const dashes = argv.indexOf("--");
  const tail = dashes < 0 ? [] : argv.slice(dashes + 1);
  const { values, positionals } = parseArgs({
    args: argv.slice(0, dashes < 0 ? argv.length : dashes),
    options: { run: { type: "string" }, json: { type: "boolean" } },
    allowPositionals: true,
  });
  const [command, ...names] = positionals;
  const run = values.run ?? "default";
  const first = names[0] ?? "";
  const action = ACTIONS.find((word) => word === command);
  if (action !== undefined) {
    for (const name of names) await hostsOf(run).host(name)[action]();
    return 0;
  }
  switch (command) {
    case "up":
      await bootHosts({ run, hosts: names, keep: true, progress: (line) => console.error(line) });
      return list([run], values.json === true);
    case "list":
      return list(values.run === undefined ? readRuns().map((record) => record.run) : [run], values.json === true);
    case "exec":
      return inside(run, first, [...names.slice(1), ...tail]);
    case "ssh":
      return ssh(hostsOf(run).host(first), [...names.slice(1), ...tail]);
    case "fingerprint":
      console.log(JSON.stringify(await hostsOf(run).host(first).fingerprint(), undefined, 1));
      return 0;
    case "down":
      await removeRun(run);
      return 0;
    case "sweep":
      console.log((await sweepRuns((line) => console.error(line))).join("\n") || "nothing to clear");
      return 0;
    default:
      console.error(USAGE);
      return 2;
  }
}

function hostsOf(run: string): TestHosts {
  const found = findHosts(run);
  if (found === undefined)
    throw new Error(
      `there is no run "${run}"; there are: ${
        readRuns()
          .map((record) => record.run)
          .join(", ") || "none"
      }`,
    );
  return found;
}

async function list(runs: readonly string[], json: boolean): Promise<number> {
  const rows = await Promise.all(
    runs.flatMap((run) => hostsOf(run).hosts.map(async (host) => ({ run, ...(await describeHost(host)) }))),
  );
  if (json) console.log(JSON.stringify(rows, undefined, 2));
  else
    for (const row of rows)
      console.log([row.run, row.name, row.address, row.state, row.privateKeyPath, row.hostKey].join("  "));
  return 0;
}

async function describeHost(host: TestHost) {
  const { name, address, user, sudoUser, privateKeyPath, hostKey, root } = host;
  return { name, address, state: await host.state(), user, sudoUser, privateKeyPath, hostKey, root };
}

function inside(run: string, name: string, argv: readonly string[]): number {
  const record = readRun(run)?.hosts.find((host) => host.name === name);
  if (record === undefined) throw new Error(`run ${run} has no host "${name}"`);
  const [program = "", ...rest] = enterArgv(record, argv.length > 0 ? argv : ["/bin/bash", "-l"]);
  return spawnSync(program, rest, { stdio: "inherit" }).status ?? 1;
}

function ssh(host: TestHost, argv: readonly string[]): number {
  const options = ["-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"];
  // The host's key comes from the registry, not from the network.
  const known = ["-o", `KnownHostsCommand=/bin/echo ${host.address} ${host.hostKey}`];
  return (
    spawnSync("ssh", [...options, ...known, "-i", host.privateKeyPath, `${host.user}@${host.address}`, ...argv], {
      stdio: "inherit",
    }).status ?? 1
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
