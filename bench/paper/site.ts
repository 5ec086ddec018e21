import type { TestHost } from "../../dev/hosts/index.ts";
import { openStack, type Stack } from "../../test/support/engine.ts";
import { mustSucceed, type Site } from "../site.ts";
import { SUBJECTS, type Subject } from "./subjects.ts";

/** One subject in its jail and bare, on two hosts that are alike. */
export interface Measured {
  readonly subject: Subject;
  readonly jailed: Server;
  readonly bare: Server;
  readonly minimal: JailOfSubject;
  /** The whole system in a jail, for comparison: built, never run. */
  readonly full: JailOfSubject;
}

export interface JailOfSubject {
  readonly rootDirectory: string;
  /** Packages that own a file of it, or were asked for. */
  readonly packages: readonly string[];
}

/** Where a subject answers, and the unit to start and stop. */
export interface Server {
  readonly host: TestHost;
  readonly unitName: string;
  readonly port: number;
}

/** An account for the load's queries; nothing secret is in a benchmark's database. */
export const GRANT = "GRANT ALL ON *.* TO 'bench'@'%' IDENTIFIED BY 'bench';";

/** All subjects up, by `pulumi up` on one host and by apt on another. */
export async function openPaper(
  site: Site,
): Promise<{ readonly measured: readonly Measured[]; close(): Promise<void> }> {
  const [jails, bare] = [await site.extraHost("paper"), await site.extraHost("paper-bare")];
  const hosts = { paper: { connection: { host: jails.address, hostKey: jails.hostKey }, address: jails.address } };
  const stack = await openStack({
    program: program(),
    project: "paper",
    config: { "pulumi-jail:hosts": hosts },
    env: { PULUMI_JAIL_PRIVATE_KEY_FILE: jails.privateKeyPath },
  });
  mustSucceed(await stack.up());
  await installBare(bare);
  const measured = SUBJECTS.map((subject) => describe(stack, subject, jails, bare));
  const close = async (): Promise<void> => {
    await stack.destroy();
    stack.close();
  };
  return { measured, close };
}

function program(): string {
  const files = {
    "/etc/mysql/bench.sql": { content: `${GRANT}\n` },
    "/etc/mysql/mariadb.conf.d/99-bench.cnf": {
      content: "[mysqld]\ninit-file=/etc/mysql/bench.sql\nbind-address=0.0.0.0\n",
    },
  };
  const resources = SUBJECTS.map((subject) => {
    const jail = { packages: [subject.package], unit: subject.unit, ...(subject.data ? { files } : {}) };
    const volumes = subject.data ? { volumes: { data: { jailPath: subject.data, removeOnDelete: true } } } : {};
    const service = { ports: { main: subject.jailPort }, ...volumes };
    return `{
  const jail = new Jail(${JSON.stringify(subject.package)}, { connection, ...${JSON.stringify(jail)} });
  new Jail(${JSON.stringify(`${subject.package}-full`)}, { connection, packages: [${JSON.stringify(subject.package)}], unit: ${JSON.stringify(subject.unit)}, content: "full" });
  new JailedService(${JSON.stringify(subject.package)}, { jail, ...${JSON.stringify(service)} });
}`;
  });
  return `import { Host, Jail, JailedService } from "pulumi-jail";\nconst connection = Host.fromConfig("paper");\n${resources.join("\n")}\n`;
}

async function installBare(host: TestHost): Promise<void> {
  const packages = SUBJECTS.map((subject) => subject.package).join(" ");
  const script = `export DEBIAN_FRONTEND=noninteractive
apt-get -qq update && apt-get -qq --yes install --no-install-recommends ${packages} >/dev/null 2>&1
printf '[mysqld]\\nbind-address=0.0.0.0\\n' >/etc/mysql/mariadb.conf.d/99-bench.cnf
systemctl restart mariadb && mariadb -e "${GRANT}"`;
  await host.exec(["sh", "-c", script], { timeout: 600_000 });
}

function describe(stack: Stack, subject: Subject, jails: TestHost, bare: TestHost): Measured {
  const outputsOf = (...names: readonly string[]) =>
    stack
      .resources()
      .filter(({ urn }) => names.some((name) => urn.endsWith(`::${name}`)))
      .map((resource) => resource.outputs ?? {});
  const outputs = outputsOf(subject.package, `${subject.package}-ports`);
  const one = (key: string): unknown => outputs.map((output) => output[key]).find((value) => value !== undefined);
  const endpoint = (one("endpoints") as { main?: { hostPort: number } } | undefined)?.main;
  const unitName = one("unitName");
  if (typeof unitName !== "string" || endpoint === undefined)
    throw new Error(`${subject.package} is not up as it should be`);
  return {
    subject,
    jailed: { host: jails, unitName, port: endpoint.hostPort },
    bare: { host: bare, unitName: subject.unit, port: subject.jailPort },
    minimal: jailIn(outputs),
    full: jailIn(outputsOf(`${subject.package}-full`)),
  };
}

function jailIn(outputs: readonly Readonly<Record<string, unknown>>[]): JailOfSubject {
  const jail = outputs.find((output) => typeof output["rootDirectory"] === "string");
  if (jail === undefined) throw new Error("there is no such jail in the state");
  return { rootDirectory: String(jail["rootDirectory"]), packages: Object.keys(jail["packageVersions"] ?? {}) };
}
