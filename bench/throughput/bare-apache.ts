import type { TestHost } from "../../dev/hosts/index.ts";
import { progress } from "../../dev/progress.ts";

/** Installs Apache on a host as anybody would, with the distribution's own unit and configuration; once per host. */
export async function bareApache(host: TestHost): Promise<void> {
  if ((await host.exec(["test", "-e", "/usr/sbin/apache2"], { reject: false })).exitCode === 0) return;
  progress(`installing apache2 on ${host.name}`);
  const script = "apt-get -qq update && apt-get -qq --yes install --no-install-recommends apache2 >/dev/null";
  await host.exec(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", script], { timeout: 300_000 });
}

/** The page that the jail serves. */
export async function writePage(host: TestHost, page: string): Promise<void> {
  await host.exec(["sh", "-c", "cat >/var/www/html/index.html"], { input: page });
}

/** Starts the distribution's Apache in a namespace (see openNamespace), all else unchanged. */
export async function startApacheIn(host: TestHost, namespace: string): Promise<void> {
  await host.exec(["systemctl", "stop", "apache2"]);
  await host.exec(["mkdir", "-p", "/run/systemd/system/apache2.service.d"]);
  const dropIn = `[Service]\nNetworkNamespacePath=/run/netns/${namespace}\n`;
  await host.exec(["sh", "-c", "cat >/run/systemd/system/apache2.service.d/bench.conf"], { input: dropIn });
  await host.exec(["sh", "-c", "systemctl daemon-reload && systemctl start apache2"]);
}
