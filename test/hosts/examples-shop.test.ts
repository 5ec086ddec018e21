import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Endpoint } from "../../provider/index.ts";
import { ask } from "../support/ask.ts";
import { viewJail } from "../support/jail-view.ts";
import { expectSuccess, hostsConfig, openSite, operations, type Site } from "../support/site.ts";

type Tier = "web" | "app" | "database";

let site: Site;

const password = "it's a secret";
const layouts = {
  one: { edge: "one", web: "one", app: "one", database: "one" },
  three: { edge: "one", web: "one", app: "two", database: "three" },
};

async function use(layout: keyof typeof layouts, database: "mariadb" | "mysql"): Promise<void> {
  site.stack.configure({ tiers: layouts[layout], database, "pulumi-jail:hosts": hostsConfig(site.hosts) });
  expectSuccess(await site.stack.run(["config", "set-all", "--secret", `databasePassword=${password}`], {}));
}

async function outputs() {
  return (await site.stack.outputs()) as {
    readonly url: string;
    readonly unitNames: Record<Tier, string>;
    readonly endpoints: Record<Tier, Endpoint>;
    readonly jailBytes: Record<Tier, number>;
  };
}

/** Bodies of so many visits, by way of the edge. */
async function visits(count: number): Promise<string[]> {
  const { url } = await outputs();
  const bodies: string[] = [];
  for (let visit = 0; visit < count; visit += 1) bodies.push((await ask(`${url}shop/`)).text.trim());
  return bodies;
}

beforeAll(async () => {
  site = await openSite("shop", ["one", "two", "three"], { directory: "examples/shop" });
});
afterAll(() => site?.close());

describe("examples/shop on one host", () => {
  beforeAll(async () => {
    await use("one", "mariadb");
    expectSuccess(await site.stack.up());
  });

  it("leads a request from the edge through Apache and Tomcat to MariaDB and back", async () => {
    expect(await visits(3)).toEqual([1, 2, 3].map((count) => expect.stringMatching(`^visit ${count}, .*MariaDB`)));
  });

  it("has in each jail the lines of passwd and group that it needs, and the names that it connects to", async () => {
    const { unitNames } = await outputs();
    const names = { web: "www-data", app: "tomcat", database: "mysql" };
    const uids = new Set<string>();
    for (const tier of ["web", "app", "database"] as const) {
      const { passwd, group } = await viewJail(site.host("one"), unitNames[tier]);
      const [, uid = ""] = new RegExp(`^root:x:0:0:[^\n]*\n${names[tier]}:x:(\\d+):\\1:[^\n]*$`).exec(passwd) ?? [];
      expect(uid).not.toBe("");
      expect(group).toBe(`root:x:0:\n${names[tier]}:x:${uid}:`);
      uids.add(uid);
    }
    expect(uids.size).toBe(3);
  });

  it("lets each tier reach the next one alone", async () => {
    const { unitNames, endpoints } = await outputs();
    const reach = async (tier: Tier, address: string, port: number) => {
      const { mainPid } = await viewJail(site.host("one"), unitNames[tier]);
      const script = 'exec 3<>"/dev/tcp/$1/$2"';
      const argv = ["nsenter", "--target", `${mainPid}`, "--net", "timeout", "2", "bash", "-c", script, "bash"];
      return (await site.host("one").exec([...argv, address, `${port}`], { reject: false })).exitCode === 0;
    };
    // By the address behind the name in its hosts file, on the usual port.
    expect(await reach("web", "100.126.0.1", 8080)).toBe(true);
    expect(await reach("app", "100.126.0.1", 3306)).toBe(true);
    const { address, hostPort } = endpoints.database;
    expect(await reach("app", address, hostPort)).toBe(true);
    expect(await reach("web", address, hostPort)).toBe(false);
    expect(await reach("database", endpoints.app.address, endpoints.app.hostPort)).toBe(false);
  });

  it("has jails of the sizes that are promised, without what nobody asked for", async () => {
    const { jailBytes, endpoints } = await outputs();
    expect(jailBytes.app).toBeLessThan(200e6);
    expect(jailBytes.database).toBeLessThan(45e6);
    // Apache's icons are there for who includes them: examples/apache-site.
    const { address, hostPort } = endpoints.web;
    expect((await ask(`http://${address}:${hostPort}/icons/text.gif`)).status).toBe(404);
  });
});

describe("examples/shop on three hosts", () => {
  it("moves its tiers where the configuration says, with MySQL in MariaDB's place", async () => {
    await use("three", "mysql");
    const up = expectSuccess(await site.stack.up());
    expect(operations(up)["shop"]).toBeUndefined();
    const { endpoints } = await outputs();
    const address = (name: string) => site.host(name).address;
    expect(endpoints).toMatchObject({
      web: { address: address("one") },
      app: { address: address("two") },
      database: { address: address("three") },
    });
    expect(await visits(3)).toEqual(
      [1, 2, 3].map((count) => expect.stringMatching(`^visit ${count}, counted by [89]\\.`)),
    );
  }, 600_000);

  it("keeps the count over a restart of each tier", async () => {
    const { unitNames } = await outputs();
    const hosts = { web: "one", app: "two", database: "three" } as const;
    const restarts = (["web", "app", "database"] as const).map((tier) =>
      site.host(hosts[tier]).exec(["systemctl", "restart", unitNames[tier]]),
    );
    await Promise.all(restarts);
    await expect
      .poll(() => visits(1), { timeout: 120_000, interval: 500 })
      .toEqual([expect.stringMatching("^visit 4,")]);
  });

  it("is as declared, with no password in the open, and leaves the data alone after destroy", async () => {
    expectSuccess(await site.stack.preview({ refresh: true, expectNoChanges: true }));
    expect(site.stack.state()?.includes(password)).toBe(false);
    expect((await outputs())["url"]).toContain("http");
    expectSuccess(await site.stack.destroy());
    for (const [name, server] of [
      ["one", "mariadb"],
      ["three", "mysql"],
    ] as const) {
      const left = await site.host(name).exec(["find", "/var/lib/pulumi-jail", "-maxdepth", "2", "-mindepth", "1"]);
      expect(left.stdout.trim().split("\n").sort()).toEqual([
        "/var/lib/pulumi-jail/volumes",
        `/var/lib/pulumi-jail/volumes/shop-${server}`,
      ]);
    }
  });
});
