import type { TestHost } from "../../dev/hosts/index.ts";

/** Lets sshd write a line for each session that it starts (sshd_config(5), LogLevel). */
export async function logSessions(host: TestHost): Promise<void> {
  await host.exec(["sh", "-c", "echo LogLevel VERBOSE >/etc/ssh/sshd_config.d/bench.conf && systemctl reload ssh"]);
}

/**
 * How many commands sshd has started since the host's boot, by its own journal and out of band. Each is what we call a
 * round trip: one message out, one answer back.
 */
export async function countSessions(host: TestHost): Promise<number> {
  const count =
    "journalctl --sync; journalctl --boot --unit=ssh --output=cat --no-pager | grep -c '^Starting session: '";
  const { stdout } = await host.exec(["sh", "-c", count], { reject: false });
  return Number(stdout.trim() || "0");
}
