import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Endpoint } from "../../provider/index.ts";
import { viewJail } from "../support/jail-view.ts";
import { expectSuccess, hostsConfig, mainProcesses, openSite, operations, type Site } from "../support/site.ts";

/** A database as its users would have it; all that differs between databases. */
export interface Database {
  readonly example: string;
  readonly program: string;
  readonly maximumBytes: number;
  /** What an `include` brings, and the statement that needs it. */
  readonly plugin: { readonly path: string; readonly statement: string };
  /** `include` of the first up. */
  readonly begins: readonly string[];
  /** More words for a client. */
  readonly secure: string;
  /** Through each of its lives; what is the same for every database is tried on one. */
  readonly isThorough: boolean;
}

const locale = { directory: "/usr/share/mysql/french", name: "fr_FR" };
const volume = "/var/lib/pulumi-jail/volumes/db.data";
const password = "it's \\ a secret";

/** The story of an example with a database, on hosts of its own. */
export function describeDatabase(database: Database): void {
  describe(`examples/${database.example}`, () => {
    let site: Site;
    let outputs: {
      readonly mysql: Endpoint;
      readonly unitName: string;
      readonly uid: number;
      readonly jailBytes: number;
    };

    beforeAll(async () => {
      site = await openSite(database.example, ["db", "client"], { directory: `examples/${database.example}` });
      const install = "apt-get -q update && apt-get -q -y --no-install-recommends install mariadb-client";
      const client = site.host("client").exec(["sh", "-euc", install]);
      await up(first);
      await client;
    });
    afterAll(() => site?.close());

    const configure = async (more: Readonly<Record<string, unknown>>) => {
      site.stack.configure({ ...more, "pulumi-jail:hosts": hostsConfig(site.hosts) });
      expectSuccess(await site.stack.run(["config", "set-all", "--secret", `password=${password}`], {}));
    };
    const up = async (config: Readonly<Record<string, unknown>>) => {
      await configure(config);
      const run = expectSuccess(await site.stack.up());
      outputs = (await site.stack.outputs()) as never;
      return run;
    };
    const first = { include: database.begins };
    const included = { include: [database.plugin.path, locale.directory] };
    const onDb = async (script: string) => (await site.host("db").exec(["sh", "-euc", script])).stdout.trim();
    /** Runs a client's program on the other host, by TCP to the port that the endpoint names. */
    const client = async (script: string) => {
      const { address, hostPort } = outputs.mysql;
      const account = `--host=${address} --port=${hostPort} --user=admin${database.secure}`;
      const secret = `MYSQL_PWD='${password.replaceAll("'", "'\\''")}'`;
      const run = await site.host("client").exec(["sh", "-c", `export ${secret} A='${account}'\n${script}`], {
        reject: false,
      });
      return `${run.stdout}${run.stderr}`.trim();
    };
    const sql = (statements: string) => client(`mariadb --skip-column-names $A <<'SQL'\n${statements}\nSQL`);
    const rows = () => sql("SELECT word FROM app.words ORDER BY word;");

    it("makes its data directory at the first start, owned by the service, and takes the first account's password", async () => {
      expect(await onDb(`stat -c %u ${volume}`)).toBe(`${outputs.uid}`);
      expect(await onDb(`find ${volume} ! -uid ${outputs.uid}`)).toBe("");
      expect(await sql("CREATE DATABASE app; CREATE TABLE app.words (word varchar(9) PRIMARY KEY);")).toBe("");
      expect(await sql("INSERT INTO app.words VALUES ('one'), ('two');")).toBe("");
      expect(await rows()).toBe("one\ntwo");
      const { address, hostPort } = outputs.mysql;
      const stranger = await client(
        `MYSQL_PWD=wrong mariadb --host=${address} --port=${hostPort} --user=admin -e 'SELECT 1'`,
      );
      expect(stranger).toContain("Access denied");
    });

    it("has the server in its jail, and none of the programs that prepare its start, nor a shell", async () => {
      const { files, mainPid } = await viewJail(site.host("db"), outputs.unitName);
      const tree = await onDb(`systemctl show -P RootDirectory ${outputs.unitName}`);
      const executables = await onDb(`cd ${tree} && find usr/bin usr/sbin -type f -perm /111 -printf '/%p\\n' | sort`);
      expect(executables.split("\n")).toEqual([database.program]);
      expect(files.filter((path) => /\/(ba|da)?sh$|\/(perl|mysqladmin|mariadb-admin|install)$/.test(path))).toEqual([]);
      expect(outputs.jailBytes).toBeLessThan(database.maximumBytes);
      expect(await onDb(`readlink /proc/${mainPid}/exe`)).toBe(database.program);
      const argv = await onDb(`tr '\\0' ' ' </proc/${mainPid}/cmdline; systemctl cat ${outputs.unitName}`);
      expect(argv).toContain("init.sql");
      expect(argv).not.toContain("secret");
    });

    const inItsLives = (title: string, run: () => Promise<void>) => {
      if (database.isThorough) it(title, run);
    };

    it("is left alone by a second up", async () => {
      const processes = await mainProcesses([site.host("db")]);
      expect(operations(await up(first))).toEqual({});
      expect(await mainProcesses([site.host("db")])).toEqual(processes);
    });

    inItsLives("lacks plugins and message locales that nobody asked for", async () => {
      const { plugin } = database;
      expect(await sql(`${plugin.statement};`)).toContain("Can't open shared library");
      expect(await sql(`SET lc_messages = '${locale.name}';`)).toContain("can't be set to the value of 'fr_FR'");
    });

    inItsLives("goes on with the same data in a new generation", async () => {
      expect(operations(await up(included))).toEqual({ [database.example]: "update", db: "update" });
      expect(await rows()).toBe("one\ntwo");
    });

    it("has plugins and message locales that are included", async () => {
      expect(await sql(`${database.plugin.statement};`)).toBe("");
      expect(await sql(`SET lc_messages = '${locale.name}'; SELECT 1 FROM app.nothing;`)).toContain("n'existe pas");
    });

    it("is dumped and loaded by a client of another host", async () => {
      expect(await client("mariadb-dump $A --databases app >/tmp/app.sql && tail -n 1 /tmp/app.sql")).toContain(
        "completed",
      );
      expect(await sql("DROP DATABASE app;")).toBe("");
      expect(await rows()).toMatch(/doesn't exist|Unknown database/);
      expect(await client("mariadb $A </tmp/app.sql")).toBe("");
      expect(await rows()).toBe("one\ntwo");
    });

    inItsLives("keeps its data when the service is replaced", async () => {
      site.stack.edit("index.ts", (text) =>
        text
          .replace("ports: {", `serviceName: "database",\n  ports: {`)
          .replace(`/mysql" }`, `/mysql", volumeName: "db.data" }`),
      );
      const before = outputs.unitName;
      expect(operations(await up(included))).toMatchObject({ db: "create-replacement" });
      expect(outputs.unitName).not.toBe(before);
      expect(await rows()).toBe("one\ntwo");
      expect(await onDb(`stat -c %U ${volume}`)).toBe("pj-database");
    });

    inItsLives("keeps its data when all is destroyed, says where, and has it after the next up", async () => {
      const run = expectSuccess(await site.stack.destroy());
      expect(run.stdout).toContain(`volume db.data stays on the host: ${volume}`);
      expect(await onDb("find /var/lib/pulumi-jail -maxdepth 2 -mindepth 2")).toBe(volume);
      await up({});
      expect(await rows()).toBe("one\ntwo");
    });

    inItsLives("takes its data with it where that was asked for", async () => {
      site.stack.edit("index.ts", (text) => text.replace(`"db.data" }`, `"db.data", removeOnDelete: true }`));
      await up({});
      expect(await rows()).toBe("one\ntwo");
      expectSuccess(await site.stack.destroy());
      await expect(onDb("test ! -e /var/lib/pulumi-jail")).resolves.toBe("");
    });
  });
}
