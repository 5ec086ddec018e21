import { expect } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { openStack, type Run, type Stack, type StackArgs } from "./engine.ts";

/** Hosts, and a stack whose configuration names them: what every test of the whole line starts from. */
export interface Site {
  readonly hosts: TestHosts;
  readonly stack: Stack;
  host(name: string): TestHost;
  /** Another stack, over the same hosts. */
  openStack(args: StackArgs): Promise<Stack>;
  close(): Promise<void>;
}

/** Boots hosts of a run of their own and opens a stack (default: a copy of the example that the README shows). */
export async function openSite(run: string, names: readonly string[], args: StackArgs = {}): Promise<Site> {
  const hosts = await bootHosts({ run: `${run}-${process.pid}`, hosts: [...names] });
  const open = (stackArgs: StackArgs): Promise<Stack> =>
    openStack({
      ...(stackArgs.program === undefined ? { directory: "examples/apache" } : {}),
      ...stackArgs,
      config: { "pulumi-jail:hosts": hostsConfig(hosts), ...stackArgs.config },
      env: { PULUMI_JAIL_PRIVATE_KEY_FILE: hosts.hosts[0]?.privateKeyPath ?? "", ...stackArgs.env },
    });
  const stack = await open(args);
  return {
    hosts,
    stack,
    host: (name) => hosts.host(name),
    openStack: open,
    close: async () => {
      stack.close();
      await hosts.destroy();
    },
  };
}

/** What `Host.fromConfig` reads. */
export function hostsConfig(hosts: TestHosts): Record<string, unknown> {
  return Object.fromEntries(
    hosts.hosts.map((host) => [host.name, { connection: { host: host.address, hostKey: host.hostKey } }]),
  );
}

/** Fails with the CLI's own words, not with "expected 255 to be 0". */
export function expectSuccess(run: Run): Run {
  if (run.exitCode !== 0)
    expect.fail(`pulumi ${run.command.join(" ")}: exit code ${run.exitCode}\n${run.stdout}\n${run.stderr}`);
  return run;
}

/** Resources by name with what the engine did to them; the unchanged ones are left out. */
export function operations(run: Run): Record<string, string> {
  return Object.fromEntries(
    run.steps.filter((step) => !["same", "read", "refresh"].includes(step.op)).map((step) => [step.name, step.op]),
  );
}

export async function fingerprints(hosts: readonly TestHost[]): Promise<Map<string, Fingerprint>> {
  return new Map(await Promise.all(hosts.map(async (host) => [host.name, await host.fingerprint()] as const)));
}

/** What differs on any of the hosts, a line each, with the host's name in front. */
export async function changesSince(before: Map<string, Fingerprint>, hosts: readonly TestHost[]): Promise<string[]> {
  const now = await fingerprints(hosts);
  return hosts.flatMap((host) => {
    const [old, current] = [before.get(host.name), now.get(host.name)];
    return old && current ? diffFingerprints(old, current).map((line) => `${host.name}: ${line}`) : [];
  });
}

/**
 * What differs from one life of a resource, or from one start of its process, to the next although all is as declared:
 * marks with their claim, the record of a start, the logs, which namespace it is that the kernel made, the outcome
 * of a killed run's operation, which is kept for that run until its resource's next change, and the one question of an
 * edge that the responder was answering.
 */
export function isOfOneLife(line: string): boolean {
  return /\/(owner|owner\.json|record\.json|ports|[ab]\.started)( |$)|\/mappings\/|\/scratch\/var-log-|mounts: \/run\/netns\/|files: \/run\/pulumi-jail\/operations|pulumi-jail-responder@\d+-|files: \/run\/pulumi-jail-responder[ /]/.test(
    line,
  );
}

/**
 * Counts what was written on hosts from now on: every path whose inode changed (find -newerct), also when its bytes
 * are the same again. Logs and the traces of a login are not ours.
 */
export async function watchWrites(hosts: readonly TestHost[]): Promise<() => Promise<string[]>> {
  const since = new Map<string, string>();
  for (const host of hosts) since.set(host.name, (await host.exec(["date", "+%s.%N"])).stdout.trim());
  return async () => {
    const lists = hosts.map(async (host) => {
      const { stdout } = await host.exec(["sh", "-c", listWrites, "sh", since.get(host.name) ?? ""]);
      return stdout
        .split("\n")
        .filter(Boolean)
        .map((path) => `${host.name}: ${path}`);
    });
    return (await Promise.all(lists)).flat();
  };
}

// An edge's questions to the responder are noted every two seconds, whatever we do.
// /run itself changes with the private directory of a request, motd.dynamic with a login (pam_motd(8)).
const listWrites = `find / /run -xdev \\( -path /proc -o -path /sys -o -path /var/log -o -path /run/systemd -o -path /run/user \\
  -o -path /run/log -o -path /run/utmp -o -path /run/udev -o -path /tmp -o -path /var/tmp -o -path /var/lib/systemd \\
  -o -path '/var/lib/pulumi-jail/services/*/scratch' -o -path /root/.cache -o -path /run/pulumi-jail-responder \\) -prune -o -newerct "@$1" ! -path /run ! -path /run/motd.dynamic -print`;

/** Main process and its start of every unit of ours: equal before and after means that nothing was restarted. */
export async function mainProcesses(hosts: readonly TestHost[]): Promise<Record<string, string>> {
  const list = hosts.map(async (host) => {
    const units = ["jailed-*.service", "pulumi-jail-*.service"];
    const { stdout } = await host.exec([
      "systemctl",
      "show",
      "--property=Id,MainPID,ExecMainStartTimestampMonotonic,NRestarts",
      ...units,
    ]);
    const blocks = stdout.split("\n\n").filter((block) => block.includes("Id="));
    const lasting = blocks.filter(
      (block) => !/Id=pulumi-jail-responder@\d+-|files: \/run\/pulumi-jail-responder[ /]/.test(block),
    );
    return lasting.map((block) => [
      `${host.name} ${/Id=(.*)/.exec(block)?.[1]}`,
      block
        .replace(/Id=.*\n?/, "")
        .trim()
        .replaceAll("\n", " "),
    ]);
  });
  return Object.fromEntries((await Promise.all(list)).flat());
}

/** Bodies of so many requests to a URL, one connection each. */
export async function answers(url: string, count: number): Promise<string[]> {
  const bodies: string[] = [];
  for (let request = 0; request < count; request += 1) {
    const response = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(30_000) });
    bodies.push(`${response.status} ${(await response.text()).trim()}`);
  }
  return bodies;
}
