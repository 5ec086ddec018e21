import type { TestHost } from "../../dev/hosts/index.ts";

/** What makes a jailed service run at all; every other setting of its unit is hardening, limits or order. */
const KEPT = [
  ...["Type", "ExecStart", "User", "Group", "RootDirectory", "WorkingDirectory", "Environment", "LoadCredential"],
  ...["MountAPIVFS", "TemporaryFileSystem", "BindPaths", "BindReadOnlyPaths", "LimitNOFILE", "KillMode", "KillSignal"],
  ...["PrivateNetwork"],
];

/** A jailed service's unit with the same tree, user and log, in another namespace and without hardening. */
export function withoutHardening(unit: string, namespace: string): string {
  // A line that ends in a backslash goes on (systemd.syntax(7)).
  const settings = unit.replaceAll("\\\n", " ").split("\n");
  const kept = settings.filter((line) => KEPT.includes(/^([A-Za-z]+)=/.exec(line)?.[1] ?? ""));
  return ["[Service]", ...kept, `NetworkNamespacePath=/run/netns/${namespace}`, ""].join("\n");
}

/** Runs such a unit beside the service itself; `stop` ends it and removes the unit. */
export async function startUnhardened(
  host: TestHost,
  unitName: string,
  namespace: string,
): Promise<{ readonly unitName: string; stop(): Promise<void> }> {
  const { stdout } = await host.exec(["cat", `/etc/systemd/system/${unitName}`]);
  const path = "/run/systemd/system/bench-unhardened.service";
  await host.exec(["sh", "-c", `cat >${path}`], { input: withoutHardening(stdout, namespace) });
  await host.exec(["sh", "-c", "systemctl daemon-reload && systemctl start bench-unhardened"]);
  return {
    unitName: "bench-unhardened.service",
    stop: async () => {
      await host.exec(["sh", "-c", `systemctl stop bench-unhardened; rm ${path}; systemctl daemon-reload`]);
    },
  };
}
