import { progress } from "../../dev/progress.ts";
import { openStack } from "../../test/support/engine.ts";
import { seconds } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { type ResponderCost, responderCost } from "./responder-cost.ts";

const SERVICES = 50;

/** Fifty web servers on one host, all on port 80 inside. */
export async function portsSection(site: Site): Promise<Report> {
  await site.ensureGone();
  const host = site.hosts.host("web1");
  const { name, address, hostKey, privateKeyPath } = host;
  const stack = await openStack({
    program: PROGRAM,
    project: "ports",
    config: { "pulumi-jail:hosts": { [name]: { connection: { host: address, hostKey }, address } } },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: privateKeyPath },
  });
  try {
    const first = mustSucceed(await stack.up());
    progress(`${SERVICES} services: ${seconds(first.durationMs)}`);
    const { ports } = (await stack.outputs()) as { ports: readonly number[] };
    const answers = await Promise.all(ports.map((port) => answersAt(`http://${address}:${port}/`)));
    const listed = await fetchPorts(address);
    const cost = await responderCost(host, "site0.http", 20128);
    const again = mustSucceed(await stack.up());
    const { ports: kept } = (await stack.outputs()) as { ports: readonly number[] };
    return report({
      upMs: first.durationMs,
      againMs: again.durationMs,
      different: new Set(ports).size,
      answering: answers.filter(Boolean).length,
      healthy: listed,
      cost,
      kept: kept.filter((port, index) => port === ports[index]).length,
    });
  } finally {
    await stack.destroy();
    stack.close();
  }
}

const PROGRAM = `import { Host, Jail, JailedService } from "pulumi-jail";
const jail = new Jail("apache", { connection: Host.fromConfig("web1"), packages: ["apache2"], unit: "apache2.service" });
const services = Array.from({ length: ${SERVICES} }, (_, n) => new JailedService(\`site\${n}\`, { jail, ports: { http: 80 } }));
export const ports = services.map(({ endpoints }) => endpoints.http.apply(({ hostPort }) => hostPort));
`;

async function answersAt(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(20_000) }).catch(() => undefined);
  return answer?.status === 200;
}

/** How many the host's responder says are up, with port 80 inside; it is the registry's first entry, at 20128. */
async function fetchPorts(address: string): Promise<number> {
  const answer = await fetch(`http://${address}:20128/ports`);
  const { services } = (await answer.json()) as {
    services: readonly { ports: readonly { jailPort: number; health: string }[] }[];
  };
  return services.filter(({ ports }) => ports.every(({ jailPort, health }) => jailPort === 80 && health === "up"))
    .length;
}

interface Found {
  readonly upMs: number;
  readonly againMs: number;
  readonly different: number;
  readonly answering: number;
  readonly healthy: number;
  readonly kept: number;
  readonly cost: ResponderCost;
}

function report(found: Found): Report {
  const all = (name: string, count: number) => ({
    name,
    target: `${SERVICES} of ${SERVICES}`,
    figure: `${count}`,
    met: count === SERVICES,
  });
  return {
    title: "Fifty services of one kind on one host",
    targets: [
      all("answer at their host port", found.answering),
      all("have a host port of their own", found.different),
      all("are up on port 80 inside, says the host's responder", found.healthy),
      all("keep their port over a second `up`", found.kept),
    ],
    body: [
      table(
        ["`pulumi up`", "time"],
        [
          [`the first, ${SERVICES} services`, seconds(found.upMs)],
          ["the second, nothing to do", seconds(found.againMs)],
        ],
      ),
      table(
        ["one agent-check of the host's responder", "median or mean of 200"],
        [
          ["processor time of its process", `${found.cost.cpuMs.toFixed(1)} ms`],
          ["most memory resident, shared pages of Perl included", `${(found.cost.peakKib / 1024).toFixed(1)} MiB`],
          [
            "until the answer is whole, systemd's start of the process included",
            `${found.cost.answerMs.toFixed(1)} ms`,
          ],
          ["memory between questions", "none: systemd listens"],
        ],
      ),
    ],
  };
}
