import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

/** The very script that runs on hosts, against a server of this machine and a unit that systemctl always calls active. */
vi.setConfig({ testTimeout: 60_000 });

const scripts = join(import.meta.dirname, "../../../provider/host/scripts");
const script = ["lib-probe.sh", "service-health.sh"]
  .map((file) => readFileSync(join(scripts, file), "utf8"))
  .join("\n");

let folder: string;
let server: Server;
let port: number;
/** Connections the server has answered. */
let answered: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "pulumi-jail-health-"));
  const systemctl = join(folder, "systemctl");
  writeFileSync(
    systemctl,
    "#!/bin/sh\nprintf 'ActiveState=active\\nSubState=running\\nNRestarts=0\\nResult=success\\n'\n",
  );
  chmodSync(systemctl, 0o755);
  answered = 0;
  server = createServer((socket) => {
    answered += 1;
    socket.on("error", () => undefined).destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

describe("a service that settles", () => {
  test("is done when it was healthy for so long, though its deadline to get healthy is over by then", async () => {
    const begin = Date.now();
    expect(await healthy(5, 7)).toEqual({ exitCode: 0, said: "" });
    // perl counts whole seconds
    expect(Date.now() - begin).toBeGreaterThan(6000);
  });

  test("and is healthy no more fails then, and says why", async () => {
    server.on("connection", () => {
      if (answered >= 6) server.close();
    });
    const { exitCode, said } = await healthy(3, 50);
    expect(exitCode).toBe(1);
    expect(said).toMatch(/^not healthy while it settled: no tcp connection to port \d+: Connection refused\n$/);
    expect(answered).toBeGreaterThanOrEqual(6);
  });

  test("fails at its deadline when it was never healthy", async () => {
    await new Promise((resolve) => server.close(resolve));
    const { exitCode, said } = await healthy(2, 0);
    expect(exitCode).toBe(1);
    expect(said).toMatch(/^not healthy within 2 s: no tcp connection to port \d+: Connection refused\n$/);
  });
});

function healthy(
  deadline: number,
  settle: number,
): Promise<{ readonly exitCode: number | null; readonly said: string }> {
  const text = `${script}\nservice_healthy jailed-web@a.service ${deadline} ${settle}`;
  const child = spawn("sh", ["-c", text], { env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` } });
  let said = "";
  child.stdout.on("data", (bytes: Buffer) => (said += bytes.toString()));
  child.stdin.end(`tcp\t127.0.0.1\t${port}\n`);
  return new Promise((resolve) => child.on("close", (exitCode) => resolve({ exitCode, said })));
}
