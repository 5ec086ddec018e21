import { bootHosts, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import type { Connection } from "../../provider/host/connection.ts";
import type { Host } from "../../provider/host/host.ts";
import { createRemoteHost } from "../../provider/host/remote-host.ts";
import { SshTransport } from "../../provider/host/ssh-host.ts";
import type { Step } from "../../provider/host/step.ts";
import { makeDirectory, removeFile, writeFile } from "../../provider/host/steps/files.ts";
import { startUnit } from "../../provider/host/steps/units.ts";

/** Boots hosts whose sshd tells of every connection and every attempt to log in. */
export async function openSshSite(run: string, names: readonly string[]): Promise<TestHosts> {
  const hosts = await bootHosts({ run: `${run}-${process.pid}`, hosts: [...names] });
  for (const host of hosts.hosts) {
    await shell(host, "echo 'LogLevel VERBOSE' >/etc/ssh/sshd_config.d/test.conf && systemctl reload ssh");
  }
  return hosts;
}

/** How to log in to a test host as root. */
export function connectionTo(host: TestHost, other: Partial<Connection> = {}): Connection {
  return {
    name: host.name,
    host: host.address,
    port: 22,
    user: "root",
    sudo: false,
    hostKey: host.hostKey,
    privateKey: host.privateKey,
    dialErrorLimit: 3,
    perDialTimeout: 15,
    ...other,
  };
}

/** A host with a connection of its own, as another process would have it. */
export function openHost(connection: Connection): { readonly host: Host; close(): void } {
  const jump = connection.proxy && new SshTransport(connection.proxy, undefined);
  const transport = new SshTransport(connection, jump);
  return {
    host: createRemoteHost(transport),
    close: () => {
      transport.close();
      jump?.close();
    },
  };
}

/** Runs a line of shell on a host, not through our SSH. */
export async function shell(host: TestHost, line: string): Promise<string> {
  return (await host.exec(["sh", "-c", line])).stdout;
}

/** Notes where the sshd's log is now; counts what came since by a pattern. */
export async function followSshd(host: TestHost): Promise<(pattern: RegExp) => Promise<number>> {
  const log = () => shell(host, "journalctl --sync; journalctl -q -o cat -t sshd -t sshd-session");
  const before = (await log()).length;
  return async (pattern) =>
    (await log())
      .slice(before)
      .split("\n")
      .filter((line) => pattern.test(line)).length;
}

/** A unit that takes a while and then leaves a line each time it ran: a step whose effect can be counted. */
export function slowStep(
  seconds: number,
  name = "slow",
): { readonly prepare: readonly Step[]; readonly step: Step; readonly count: string } {
  const unit = `test-${name}.service`;
  const content = `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'sleep ${seconds}; echo ran >>/var/tmp/test-${name}'\n`;
  return {
    prepare: [
      makeDirectory({ path: "/run/systemd/system", mode: "0755", owner: "root:root" }),
      writeFile({ path: `/run/systemd/system/${unit}`, mode: "0644", owner: "root", content }),
      removeFile(`/var/tmp/test-${name}`),
    ],
    step: startUnit(unit, `running ${unit}`),
    count: `cat /var/tmp/test-${name} 2>/dev/null | wc -l`,
  };
}

/** Cuts every SSH connection of a user, as a dying network or an oom-killer does; what runs on the host goes on. */
export async function cutConnections(host: TestHost): Promise<void> {
  await shell(host, "kill -9 $(pgrep -f '^sshd: root@notty')");
}

/** Resolves with the error that a promise is rejected with. */
export async function errorOf(
  promise: Promise<unknown>,
): Promise<Error & { readonly kind?: string; readonly stderr?: string }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it succeeded");
}

/** Resolves once a condition holds; fails after 60 s. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await condition()); tries++) {
    if (tries > 600) throw new Error("it did not come true within 60 s");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
