import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Endpoint } from "../../provider/index.ts";
import { type LoadResult, startLoad } from "../support/http-load.ts";
import { answers, expectSuccess, openSite, operations, type Site } from "../support/site.ts";

/** A page, and its mode: one that the daemon may not read starts well, and answers 403. */
const program = (hosts: readonly string[], page: string, mode = "0644"): string => `
import { Config } from "@pulumi/pulumi";
import { Host, JailedServiceFleet, PortMapping } from "pulumi-jail";
const web = new JailedServiceFleet("web", {
  hosts: ${JSON.stringify(hosts)}.map((name) => Host.fromConfig(name)),
  packages: ["apache2"], unit: "apache2.service",
  files: { "/var/www/html/index.html": { content: "${page}", mode: "${mode}" } },
  ports: { http: 80 },
  rollout: { canary: 1, batch: 2, pauseSeconds: 2, gate: { url: new Config().require("gate"), samples: 9 } },
});
const site = new PortMapping("site", { connection: Host.fromConfig("h1"), bindPort: 80, mode: "http", backends: web.endpoints.http });
export const { generations, endpoints } = web;
export const url = site.url;
`;

interface Outputs {
  readonly generations: Readonly<Record<string, readonly string[]>>;
  readonly endpoints: { readonly http: readonly Endpoint[] };
  readonly url: string;
}

const three = ["h1", "h2", "h3"];
let site: Site;

const outputs = async () => (await site.stack.outputs()) as unknown as Outputs;

/** What each member answers by itself, by host. */
async function pages(): Promise<Record<string, string>> {
  const { endpoints } = await outputs();
  const said = endpoints.http.map(async ({ name, address, hostPort }) => {
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

function serves(load: LoadResult): void {
  expect(load.errors).toEqual({});
  expect(load.failed).toBe(0);
  // The control: it did ask, all the time.
  expect(load.answered).toBeGreaterThan(100);
}

beforeAll(async () => {
  site = await openSite("fleet", three, { program: program(three, "one") });
  const gate = `http://${site.host("h1").address}/`;
  expectSuccess(await site.stack.run(["config", "set", "gate", gate], {}));
  expectSuccess(await site.stack.up());
});
afterAll(() => site?.close());

describe("a fleet on three hosts", () => {
  it("runs the same generation everywhere, and all of it answers behind the edge", async () => {
    expect(await pages()).toEqual({ h1: "200 one", h2: "200 one", h3: "200 one" });
    const { generations, url } = await outputs();
    expect(new Set(Object.values(generations).flat()).size).toBe(1);
    expect(await answers(url, 3)).toEqual(["200 one", "200 one", "200 one"]);
  });

  it("gets a change canary first, then the others together, and no request is lost", async () => {
    const { url } = await outputs();
    site.stack.write("index.ts", program(three, "two"));
    const load = startLoad(url, 2);
    const up = expectSuccess(await site.stack.up());
    serves(await load.stop());
    const order = up.steps
      .filter(({ op, name }) => op === "update" && /^web-h\d-1$/.test(name))
      .map(({ name }) => name);
    expect([order[0], order.slice(1).sort()]).toEqual(["web-h1-1", ["web-h2-1", "web-h3-1"]]);
    const told = up.diagnostics.map(({ urn, message }) => `${urn?.split("::").at(-1)}: ${message}`);
    expect(told).toContain("web-h1-1: wave 1 of 2");
    expect(told).toContain("web-h3-1: wave 2 of 2");
    expect(told).toContain("web-h1-1: asking the gate, 9 of 9");
    expect(await pages()).toEqual({ h1: "200 two", h2: "200 two", h3: "200 two" });
  });

  it("stops at the canary when the gate fails: it goes back by itself, says why, and the others are untouched", async () => {
    const before = running();
    site.stack.write("index.ts", program(three, "broken", "0600"));
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    const reason = up.diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message);
    expect(reason.join("\n")).toMatch(/the gate failed 1 of [1-9] times, 0 allowed: status 403 1 time/);
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
    site.stack.write("index.ts", program(three, "three"));
    expectSuccess(await site.stack.up());
    expect(await pages()).toEqual({ h1: "200 three", h2: "200 three", h3: "200 three" });
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("takes a host out under load without losing a request: the edge lets go of it before it stops", async () => {
    const { url } = await outputs();
    site.stack.write("index.ts", program(["h1", "h2"], "three"));
    const load = startLoad(url, 2);
    const up = expectSuccess(await site.stack.up());
    serves(await load.stop());
    expect(operations(up)).toEqual({
      site: "update",
      "web-h3-1": "delete",
      "web-h3-1-ports": "delete",
      "web-h3": "delete",
    });
    const order = up.steps.map(({ name, op }) => `${name} ${op}`);
    expect(order.indexOf("site update")).toBeLessThan(order.indexOf("web-h3-1 delete"));
    const left = await site.host("h3").exec(["sh", "-c", "ls /var/lib | grep -c pulumi-jail"], { reject: false });
    expect(left.stdout.trim()).toBe("0");
  });

  it("with one host that can't be reached fails there only, by its name, and the next run goes on", async () => {
    await site.host("h3").exec(["systemctl", "stop", "ssh.service", "ssh.socket"], { reject: false });
    site.stack.write("index.ts", program(three, "four"));
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
