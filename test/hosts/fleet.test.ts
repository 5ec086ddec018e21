import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Status } from "../../provider/cli/status/shape.ts";
import type { Endpoint } from "../../provider/index.ts";
import { type LoadCount, startLoad } from "../support/load.ts";
import { answers, expectSuccess, hostsConfig, openSite, operations, type Site } from "../support/site.ts";

interface Outputs {
  readonly generations: Readonly<Record<string, readonly string[]>>;
  readonly url: string;
}

const three = ["h1", "h2", "h3"];
let site: Site;

const outputs = async () => (await site.stack.outputs()) as unknown as Outputs;

/** The example's program over these hosts; one rack has two of them. */
function use(webHosts: readonly string[], page: string): void {
  const racks = Object.fromEntries(
    Object.entries(hostsConfig(site.hosts)).map(([name, host]) => {
      const { connection } = host as { readonly connection: object };
      // Not ten times, as one of them will not answer.
      return [name, { connection: { ...connection, dialErrorLimit: 2 }, labels: { rack: name === "h3" ? "b" : "a" } }];
    }),
  );
  const gateUrl = `http://${site.host("h1").address}/`;
  site.stack.configure({ webHosts, edges: ["h1"], page, gateUrl, "pulumi-jail:hosts": racks });
}

/** What each member answers by itself, by host. */
async function pages(): Promise<Record<string, string>> {
  const services = site.stack.resources().filter(({ type }) => type.endsWith(":JailedService"));
  const said = services.map(async (service) => {
    const { endpoints } = service.outputs as { readonly endpoints: { readonly http: Endpoint } };
    const { name, address, hostPort } = endpoints.http;
    const [answer = ""] = await answers(`http://${address}:${hostPort}/`, 1);
    return [name.split(".")[0]?.split("-")[1] ?? "", answer] as const;
  });
  return Object.fromEntries(await Promise.all(said));
}

/** The generation that each member's state says it runs. */
function running(): Record<string, unknown> {
  const services = site.stack.resources().filter(({ type }) => type.endsWith(":JailedService"));
  return Object.fromEntries(services.map(({ id, outputs: out }) => [id, out?.["generation"]]));
}

function serves(load: LoadCount, during: string): void {
  console.log(`${load.failed} of ${load.requests} requests failed while ${during}`);
  expect(load.errors).toEqual({});
  expect(load.failed).toBe(0);
  // The control: it did ask, all the time.
  expect(load.requests).toBeGreaterThan(100);
}

beforeAll(async () => {
  site = await openSite("fleet", three, { directory: "examples/fleet" });
  use(three, "one");
  expectSuccess(await site.stack.up());
});
afterAll(() => site?.close());

describe("examples/fleet on three hosts", () => {
  it("runs the same generation everywhere, and all of it answers behind the edge", async () => {
    expect(await pages()).toEqual({ h1: "200 one", h2: "200 one", h3: "200 one" });
    const { generations, url } = await outputs();
    expect(new Set(Object.values(generations).flat()).size).toBe(1);
    expect(await answers(url, 3)).toEqual(["200 one", "200 one", "200 one"]);
  });

  it("gets a change canary first, then the others together, and no request is lost", async () => {
    const { url } = await outputs();
    use(three, "two");
    const load = startLoad(url, { keepAlive: 1, fresh: 1 });
    const up = expectSuccess(await site.stack.up());
    serves(await load.stop(), "a change went over the fleet");
    const order = up.steps
      .filter(({ op, name }) => op === "update" && /^web-h\d-1$/.test(name))
      .map(({ name }) => name);
    expect([order[0], order.slice(1).sort()]).toEqual(["web-h1-1", ["web-h2-1", "web-h3-1"]]);
    const told = up.diagnostics.map(({ urn, message }) => `${urn?.split("::").at(-1)}: ${message}`);
    expect(told).toContain("web-h1-1: wave 1 of 2");
    expect(told).toContain("web-h3-1: wave 2 of 2");
    expect(told).toContain("web-h1-1: asking the gate, 10 of 10");
    expect(await pages()).toEqual({ h1: "200 two", h2: "200 two", h3: "200 two" });
  });

  it("stops at the canary when the gate fails: it goes back by itself, says why, and the others are untouched", async () => {
    const before = running();
    // A page that the daemon may not read: it starts well, and answers 403.
    const mode = ', mode: "0600"';
    site.stack.edit("index.ts", (text) => text.replace('a fleet</h1>\\n"', (page) => page + mode));
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    const reason = up.diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
    expect(reason.join("\n")).toMatch(/the gate failed 1 of \d+ times, 0 allowed: status 403 1 time/);
    expect(reason.join("\n")).toContain(`generation ${before["web-h1-1"]} serves on`);
    expect(Object.keys(operations(up)).filter((name) => /^web-h[23]-1$/.test(name))).toEqual([]);
    expect(running()).toEqual(before);
    expect(await pages()).toEqual({ h1: "200 two", h2: "200 two", h3: "200 two" });
    // Nothing of the failed one is left but its tree, which is the jail's.
    const units = await site
      .host("h1")
      .exec(["sh", "-c", "ls /etc/systemd/system | grep -c '^jailed-.*@[ab].service$'"]);
    expect(units.stdout.trim()).toBe("1");
  });

  it("goes on with the next change that mends it", async () => {
    site.stack.edit("index.ts", (text) => text.replace(', mode: "0600"', ""));
    use(three, "three");
    expectSuccess(await site.stack.up());
    expect(await pages()).toEqual({ h1: "200 three", h2: "200 three", h3: "200 three" });
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("takes a host out under load without losing a request: the edge lets go of it before it stops", async () => {
    const { url } = await outputs();
    use(["h1", "h2"], "three");
    const load = startLoad(url, { keepAlive: 1, fresh: 1 });
    const up = expectSuccess(await site.stack.up());
    serves(await load.stop(), "a host was taken out");
    expect(operations(up)).toEqual({
      "site-h1": "update",
      "web-h3-1": "delete",
      "web-h3-1-ports": "delete",
      "web-h3": "delete",
    });
    const order = up.steps.map(({ name, op }) => `${name} ${op}`);
    expect(order.indexOf("site-h1 update")).toBeLessThan(order.indexOf("web-h3-1 delete"));
    const left = await site.host("h3").exec(["sh", "-c", "ls /var/lib | grep -c pulumi-jail"], { reject: false });
    expect(left.stdout.trim()).toBe("0");
  });

  it("with one host that can't be reached fails there only, by its name, and the next run goes on", async () => {
    await site.host("h3").exec(["systemctl", "stop", "ssh.service", "ssh.socket"], { reject: false });
    use(three, "four");
    const up = await site.stack.up({ words: ["--continue-on-error"] });
    await site.host("h3").exec(["systemctl", "start", "ssh.service"]);
    expect(up.exitCode).not.toBe(0);
    const failed = up.steps.filter((step) => step.failed).map(({ name }) => name);
    expect(failed.sort()).toEqual(["web-h3", "web-h3-1-ports"]);
    expect(up.stdout + up.stderr).toMatch(/h3/);
    const { "web-h1-1": first, "web-h2-1": second } = running();
    expect(first).toBe(second);
    const { url } = await outputs();
    expect(await answers(url, 4)).toEqual(Array(4).fill("200 four"));
    expectSuccess(await site.stack.up());
    expect(await pages()).toEqual({ h1: "200 four", h2: "200 four", h3: "200 four" });
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });
});

describe("pulumi-jail", () => {
  const status = async (...more: readonly string[]) => {
    const { stdout, exitCode } = await site.stack.pulumiJail(["status", "--json", "--timeout=5", ...more]);
    return { exitCode, ...(JSON.parse(stdout) as Status) };
  };

  it("status says of hosts, services and edge what is true of them, and that all is well", async () => {
    await answers((await outputs()).url, 3);
    const { exitCode, hosts, problems } = await status("--drift", "--timeout=60");
    expect({ exitCode, problems }).toEqual({ exitCode: 0, problems: [] });
    const serving = running();
    for (const { name, reachable, weight, jails, services } of hosts) {
      const [service] = services;
      expect({ reachable, jails: jails.length, services: services.length }).toEqual({
        ...{ reachable: true, jails: 1, services: 1 },
      });
      expect(service).toMatchObject({ active: "active", health: "up", generation: serving[`web-${name}-1`] });
      expect(weight).toBeGreaterThanOrEqual(10);
      expect(service?.upSeconds).toBeGreaterThan(0);
      const [port] = service?.ports ?? [];
      expect(await answers(`http://${port?.address}:${port?.hostPort}/`, 1)).toEqual(["200 four"]);
    }
    const [mapping] = hosts.find(({ name }) => name === "h1")?.edge?.mappings ?? [];
    expect(mapping?.backends.map((backend) => [backend.status.split(" ")[0], backend.weight])).toEqual(
      Array(3).fill(["UP", 100]),
    );
    expect(mapping?.requests).toBeGreaterThanOrEqual(3);
    expect(hosts.map(({ name }) => name)).toEqual(three);
  });

  it("status, metrics and graph show what is down, and a host that does not answer holds up no other", async () => {
    await site.host("h3").exec(["systemctl", "stop", "ssh.service", "ssh.socket"], { reject: false });
    await site.host("h2").exec(["sh", "-c", "systemctl stop 'jailed-*@[ab].service'"]);
    try {
      const down = async () => {
        const { hosts, exitCode } = await status();
        const backends = hosts[0]?.edge?.mappings[0]?.backends.map((backend) => backend.status.split(" ")[0]);
        return { exitCode, reachable: hosts.map((host) => host.reachable), backends };
      };
      await expect
        .poll(down, { timeout: 30_000, interval: 500 })
        .toEqual({ exitCode: 3, reachable: [true, true, false], backends: ["UP", "DOWN", "UP"] });
      const { stdout: screen, exitCode } = await site.stack.pulumiJail(["status", "--timeout=5"]);
      console.log(screen);
      expect(exitCode).toBe(3);
      expect(screen).toMatch(/^h1 .* up /m);
      expect(screen).toMatch(/^h2 .* inactive /m);
      expect(screen).toMatch(/^h3 .* no answer$/m);
      const { stdout: metrics } = await site.stack.pulumiJail(["metrics", "--timeout=5"]);
      expect(metrics).toMatch(/^pulumi_jail_service_up\{.*host="h1".*\} 1$/m);
      expect(metrics).toMatch(/^pulumi_jail_service_up\{.*host="h2".*\} 0$/m);
      expect(metrics).toMatch(/^pulumi_jail_host_up\{.*host="h3".*\} 0$/m);
      const { stdout: svg } = await site.stack.pulumiJail(["graph", "--format=svg", "--live", "--timeout=5"]);
      expect(svg.match(/<path .*stroke-dasharray/g)).toHaveLength(1);
    } finally {
      await site.host("h3").exec(["systemctl", "start", "ssh.service"]);
      await site
        .host("h2")
        .exec([
          "sh",
          "-c",
          "systemctl start $(systemctl list-unit-files --state=enabled --no-legend 'jailed-*@[ab].service' | cut -d ' ' -f 1)",
        ]);
    }
  });
});
