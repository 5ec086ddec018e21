import { progress } from "../../dev/progress.ts";
import { openStack } from "../../test/support/engine.ts";
import { seconds } from "../figures.ts";
import { mustSucceed } from "../site.ts";

/** A whole preview by the real engine, all of it offline: addresses are those of benchmarks (RFC 2544), and nobody is asked. */
export async function previewMs(hosts: number): Promise<number> {
  const program = `
import { Host, JailedServiceFleet } from "pulumi-jail";
const hosts = Array.from({ length: ${hosts} }, (_, index) =>
  new Host(\`host\${index + 1}\`, { connection: { host: \`198.18.\${index >> 8}.\${index & 255}\`, hostKey: "ssh-ed25519 AAAA" } }));
new JailedServiceFleet("web", { hosts, packages: ["apache2"], unit: "apache2.service", ports: { http: 80 } });
`;
  const stack = await openStack({ program });
  try {
    const run = mustSucceed(await stack.run(["preview"], {}));
    progress(`a preview of ${hosts} hosts: ${seconds(run.durationMs)}`);
    // The stack and the fleet, and of each host a jail, a reservation and a service.
    if (run.changes["create"] !== 3 * hosts + 2) throw new Error(`not the fleet: ${JSON.stringify(run.changes)}`);
    return run.durationMs;
  } finally {
    stack.close();
  }
}
