import type { TestHost } from "../../dev/hosts/index.ts";
import { isOnBridge, runWrk } from "../throughput/wrk.ts";
import type { Server } from "./site.ts";

/** Requests (HTTP) or queries (SQL) per second that a server answers; throws when one fails. */
export async function load(from: TestHost, subnet: string, server: Server, jailPort: number): Promise<number> {
  if (jailPort === 3306) return runQueries(from, subnet, server);
  const figures = await runWrk(from, subnet, `http://${server.host.address}:${server.port}/`, 3);
  if (figures.failed > 0)
    throw new Error(`${server.unitName}: ${figures.failed} of ${figures.requests} requests failed`);
  return figures.requestsPerSecond;
}

/** The database's own load generator. */
export async function installSlap(host: TestHost): Promise<void> {
  const script = "apt-get -qq update && apt-get -qq --yes install --no-install-recommends mariadb-client >/dev/null";
  await host.exec(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script], { timeout: 300_000 });
}

const QUERIES = 30_000;

/** By mariadb-slap(1): a table of its own making, selects only, 20 connections. */
async function runQueries(from: TestHost, subnet: string, { host, port }: Server): Promise<number> {
  if (!isOnBridge(subnet, host.address)) throw new Error(`${host.address} is not on the bridge of ${subnet}`);
  const words = [
    ...["mariadb-slap", `--host=${host.address}`, `--port=${port}`, "--user=bench", "--password=bench"],
    ...[
      "--concurrency=20",
      `--number-of-queries=${QUERIES}`,
      "--auto-generate-sql",
      "--auto-generate-sql-load-type=read",
    ],
    ...["--auto-generate-sql-write-number=100", "--csv"],
  ];
  const { stdout } = await from.exec(words, { timeout: 120_000 });
  // engine, load type, average seconds, least, most, clients, queries per client
  const seconds = Number(stdout.trim().split("\n").at(-1)?.split(",")[2]);
  if (!(seconds > 0)) throw new Error(`mariadb-slap printed no figure: ${stdout}`);
  return QUERIES / seconds;
}
