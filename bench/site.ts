import { bootHosts, findHosts, type TestHost, type TestHosts } from "../dev/hosts/index.ts";
import { progress } from "../dev/progress.ts";
import { openStack, type Run, type Stack } from "../test/support/engine.ts";
import { type Forwarder, openForwarder } from "./engine/forwarder.ts";
import { logSessions } from "./engine/sessions.ts";

/** The example's hosts: what `examples/apache/index.ts` reads from the configuration. */
export const EXAMPLE_HOSTS = ["web1", "web2", "edge"] as const;

/** Hosts of our own, the example's stack on them, and the ways to each host that count. */
export interface Site {
  readonly hosts: TestHosts;
  /** By name of host. */
  readonly forwarders: ReadonlyMap<string, Forwarder>;
  /** The example with the real provider. */
  readonly stack: Stack;
  /** The very same program with a provider that does nothing: the bare engine. */
  readonly empty: Stack;
  /** Makes sure that the example is up; does nothing when it is. */
  ensureUp(): Promise<void>;
  /** Makes sure that nothing of the example is left. */
  ensureGone(): Promise<void>;
  /** Boots one more host beside the example's, once. */
  extraHost(name: string): Promise<TestHost>;
  /** Ends hosts, stacks and forwarders, whatever state they are in. */
  close(): Promise<void>;
}

/** Boots the hosts of a run of its own. Until `close`, the next run's sweep would clear them after a kill. */
export async function openSite(): Promise<Site> {
  const run = `bench-${process.pid}`;
  const boot = (names: readonly string[]): Promise<TestHosts> => bootHosts({ run, hosts: names, progress });
  try {
    return await prepare(await boot(EXAMPLE_HOSTS), boot);
  } catch (error) {
    await findHosts(run)?.destroy();
    throw error;
  }
}

async function prepare(hosts: TestHosts, boot: (names: readonly string[]) => Promise<TestHosts>): Promise<Site> {
  for (const host of hosts.hosts) await logSessions(host);
  const forwarders = new Map<string, Forwarder>();
  for (const host of hosts.hosts) forwarders.set(host.name, await openForwarder(host.address));
  const directory = "examples/apache";
  const env = { PULUMI_JAIL_PRIVATE_KEY_FILE: hosts.hosts[0]?.privateKeyPath ?? "" };
  const config = { "pulumi-jail:hosts": throughForwarders(hosts, forwarders) };
  const stack = await openStack({ directory, config, env });
  const packages = { "pulumi-jail": "test/fixtures/empty-provider" };
  const empty = await openStack({ directory, config, env, packages, stack: "empty" });
  const isUp = (): boolean => stack.resources().length > 0;
  return {
    hosts,
    forwarders,
    stack,
    empty,
    ensureUp: async () => {
      if (isUp()) return;
      progress("putting the example up");
      mustSucceed(await stack.up());
    },
    ensureGone: async () => {
      if (isUp()) mustSucceed(await stack.destroy());
    },
    extraHost: async (name) => (await boot([name])).host(name),
    close: async () => {
      for (const forwarder of forwarders.values()) await forwarder.close();
      stack.close();
      empty.close();
      await hosts.destroy();
    },
  };
}

/** Throws with the CLI's own words. */
export function mustSucceed(run: Run): Run {
  if (run.exitCode === 0) return run;
  throw new Error(`pulumi ${run.command.join(" ")}: exit code ${run.exitCode}\n${run.stdout}\n${run.stderr}`);
}

/** SSH goes to a forwarder of this machine, while services are reached at the host's own address. */
function throughForwarders(hosts: TestHosts, forwarders: ReadonlyMap<string, Forwarder>): Record<string, unknown> {
  return Object.fromEntries(
    hosts.hosts.map(({ name, address, hostKey }) => {
      const port = forwarders.get(name)?.port;
      return [name, { connection: { host: "127.0.0.1", port, hostKey }, address }];
    }),
  );
}
