import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { parseRegistry } from "../../../provider/ports/registry.ts";

/** The very script that runs on hosts, over a directory of this machine in place of a host's state. */
vi.setConfig({ testTimeout: 30_000 });

const scripts = join(import.meta.dirname, "../../../provider/host/scripts");
const prelude = readFileSync(join(scripts, "prelude.sh"), "utf8");
const steps = ["lib-responder.sh", "step-ports.sh"].map((file) => readFileSync(join(scripts, file), "utf8")).join("\n");

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pulumi-jail-ports-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const owner = (claim: string) =>
  JSON.stringify({ organization: "o", project: "p", stack: "s", urn: `urn:${claim}`, claim });
const line = (key: string, start: number, fixed = 0, jailPort = 80) => [key, "tcp", start, fixed, jailPort].join("\t");

test("15 reservations at once that all begin at the same port get 15 different ones", { timeout: 60_000 }, async () => {
  await Promise.all(Array.from({ length: 15 }, (_, n) => reserve(`s${n}`, `c${n}`, [line("http", 25000)])));
  const ports = registry()
    .filter(({ key }) => key === "http")
    .map(({ hostPort }) => hostPort);
  expect(ports).toHaveLength(15);
  expect(new Set(ports).size).toBe(15);
  const numbers = registry()
    .filter(({ protocol }) => protocol === "net")
    .map(({ hostPort }) => hostPort);
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, n) => n));
});

test("the responder is the first entry, and goes with the last service", async () => {
  await reserve("web", "c1", [line("http", 25000)]);
  expect(registry()[0]).toMatchObject({ serviceName: "@host", key: "responder", hostPort: 20128 });
  await release("web", "c1");
  expect(existsSync(join(folder, "state/ports"))).toBe(false);
});

test("a key keeps its port, whatever else comes and goes", async () => {
  const [first] = await reserve("web", "c1", [line("http", 25000)]);
  await reserve("other", "c2", [line("http", 25000)]);
  const again = await reserve("web", "c1", [line("http", 31000), line("admin", 25000)]);
  expect(again.find(({ key }) => key === "http")?.hostPort).toBe(first?.hostPort);
  expect(again.find(({ key }) => key === "admin")?.hostPort).toBe(25002);
});

test("a released port rests: the next service does not get it", async () => {
  await reserve("other", "c2", []);
  const [first] = await reserve("web", "c1", [line("http", 26000)]);
  expect(first?.hostPort).toBe(26000);
  await release("web", "c1");
  const [next] = await reserve("web2", "c3", [line("http", 26000)]);
  expect(next?.hostPort).toBe(26001);
});

test("a released port is given back at once to the service and key that had it", async () => {
  await reserve("other", "c2", []);
  await reserve("web", "c1", [line("http", 26000)]);
  await release("web", "c1");
  const [again] = await reserve("web", "c4", [line("http", 26000)]);
  expect(again?.hostPort).toBe(26000);
});

test("one fixed number may be a tcp and a udp port, and is one of each only", async () => {
  const udp = ["dns-udp", "udp", 0, 20053, 53].join("\t");
  const both = await reserve("dns", "c1", [line("dns", 0, 20053, 53), udp]);
  expect(both.map(({ protocol, hostPort }) => `${protocol} ${hostPort}`).sort()).toEqual(["tcp 20053", "udp 20053"]);
  await expect(reserve("other", "c2", [line("dns", 0, 20053, 53)])).rejects.toThrow(
    "port 20053 is reserved for dns, key dns",
  );
});

/** Two stacks, each with up and destroy in turn; PULUMI_JAIL_SOAK=1 makes it a hundred of each. */
test("two stacks that come and go at once never hold one port, and lose none", { timeout: 900_000 }, async () => {
  const rounds = process.env["PULUMI_JAIL_SOAK"] ? 100 : 6;
  await reserve("stays", "c0", [line("http", 27500)]);
  const stack = async (name: string) => {
    for (let round = 0; round < rounds; round++) {
      const claim = `${name}-${round}`;
      const [mine] = await reserve(name, claim, [line("http", 27500)]);
      const held = registry().filter(({ protocol, hostPort }) => protocol === "tcp" && hostPort === mine?.hostPort);
      expect(held.map(({ serviceName }) => serviceName)).toEqual([name]);
      await release(name, claim);
    }
  };
  await Promise.all([stack("one"), stack("two")]);
  expect(registry().map(({ serviceName, key }) => `${serviceName} ${key}`)).toEqual([
    "@host responder",
    "stays @net",
    "stays http",
  ]);
});

test("fifty services of one kind all have their usual port inside and one of their own on the host", async () => {
  const fifty = Array.from({ length: 50 }, (_, n) => `web${n}`);
  for (const name of fifty) await reserve(name, `c-${name}`, [line("http", 25000)]);
  const ports = registry().filter(({ key }) => key === "http");
  expect(new Set(ports.map(({ hostPort }) => hostPort)).size).toBe(50);
  expect(new Set(ports.map(({ jailPort }) => jailPort))).toEqual(new Set([80]));
});

test("a port that a program listens on is passed by; as a fixed one it is refused, naming the program", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  try {
    await expect(reserve("web", "c1", [line("http", 0, port)])).rejects.toThrow(
      new RegExp(`port ${port} is held by .*pid ${process.pid}`),
    );
    expect(existsSync(join(folder, "state/ports"))).toBe(false);
  } finally {
    server.close();
  }
});

test("another claim's ports are refused and released by nobody else", async () => {
  await reserve("web", "c1", [line("http", 27000)]);
  await expect(reserve("web", "c2", [line("http", 27000)])).rejects.toThrow(/the ports of web belong to .*c1/);
  await release("web", "c2");
  expect(registry().some(({ serviceName }) => serviceName === "web")).toBe(true);
  await reserve("web", "c2", [line("http", 27000)], "c1");
  expect(registry().find(({ key }) => key === "http")).toMatchObject({
    hostPort: 27000,
    owner: { owner: { claim: "c2" } },
  });
});

test("a registry that was lost is restored by its service, and its reservation takes the lines over", async () => {
  await reserve("web", "c1", [line("http", 28000)]);
  const lines = readFileSync(join(folder, "state/ports"), "utf8")
    .split("\n")
    .filter((text) => /\t/.test(text));
  rmSync(join(folder, "state/ports"));
  const restored = lines.map((text) => text.replace(/\{.*\}/, owner("-")));
  await run("step_ports_restore", ["web"], restored);
  await reserve("web", "c1", [line("http", 30000)]);
  expect(registry().find(({ key }) => key === "http")).toMatchObject({
    hostPort: 28000,
    owner: { owner: { claim: "c1" } },
  });
});

function registry() {
  return parseRegistry(readFileSync(join(folder, "state/ports"), "utf8"));
}

async function reserve(service: string, claim: string, lines: readonly string[], accepted = "-") {
  const printed = await run("step_ports_reserve", [service, owner(claim), accepted], lines);
  return parseRegistry(printed).filter(({ serviceName, protocol }) => serviceName === service && protocol !== "net");
}

async function release(service: string, claim: string): Promise<void> {
  await run("step_ports_release", [service, claim], []);
}

function run(step: string, args: readonly string[], content: readonly string[]): Promise<string> {
  const spool = mkdtempSync(join(folder, "spool-"));
  writeFileSync(join(spool, "content"), content.map((text) => `${text}\n`).join(""));
  const script = `${prelude}\nSTATE=${folder}/state RUN=${folder}/run SPOOL=${spool} CONTENT=${spool}/content\n${steps}\nset -e\n${step} "$@" >&4\n`;
  return new Promise((resolve, reject) => {
    const child = spawn("/bin/sh", ["-c", script, "sh", ...args], { stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.on("data", (bytes) => (out += bytes));
    child.stderr.on("data", (bytes) => (err += bytes));
    child.on("close", (code) => (code === 0 ? resolve(out) : reject(new Error(`exit code ${code}: ${err}`))));
  });
}
