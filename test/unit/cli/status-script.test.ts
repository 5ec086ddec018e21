import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { parseAnswer } from "../../../provider/cli/status/answer.ts";
import { programFor } from "../../../provider/host/scripts.ts";

/** The very program that runs on hosts, over a directory of this machine in place of a host's state; its systemctl is a script. */
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pulumi-jail-status-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("a host tells what runs, by its record, its rules and the service's own check", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { readonly port: number };
  try {
    place("ports", `# ports\nweb\t@net\tnet\t0\t0\tfree\t{}\nweb\thttp\ttcp\t25000\t${port}\tfree\t{}\n`);
    place("jails/web/record.json", '{"generation":"cc50819f4ef243b0","schema":1}\n');
    mkdirSync(join(folder, "state/jails/web/generations/cc50819f4ef243b0"), { recursive: true });
    const rules = "# pulumi-jail: service web, slot b, generation cc50819f4ef243b0\nadd element inet pulumi_jail tcp4 ";
    place("services/web/rules.nft", `${rules}{ 10.0.0.1 . 25000 : 127.0.0.1 . ${port} }\n`);
    place("services/web/b/uses", "web cc50819f4ef243b0\n");
    const asked = [
      "service\tweb\troot",
      `check\tweb\ttcp\t-\t${port}`,
      "service\tgone\troot",
      "jail\tweb",
      "jail\tnone",
    ];
    const answer = ask(asked);
    expect(answer.jails).toEqual(
      new Map([
        ["web", { generation: "cc50819f4ef243b0", kept: 1 }],
        ["none", { generation: "", kept: 0 }],
      ]),
    );
    expect(answer.services.get("web")).toMatchObject({
      ...{
        unit: "jailed-web@b.service",
        active: "active",
        sub: "running",
        restarts: 2,
        memoryBytes: 4096,
        tasks: undefined,
      },
      ...{ generation: "cc50819f4ef243b0", isKnown: true, draining: false, health: { isUp: true, reason: "" } },
      ports: [{ key: "http", protocol: "tcp", hostPort: 25000, jailPort: port }],
    });
    expect(answer.services.get("gone")).toMatchObject({ isKnown: false, active: "inactive", unit: "" });
    expect(answer.processors).toBeGreaterThan(0);
  } finally {
    server.close();
  }
  const { health } = ask(["service\tweb\troot", `check\tweb\ttcp\t-\t${port}`]).services.get("web")!;
  expect(health).toEqual({ isUp: false, reason: `no tcp connection to port ${port}: Connection refused` });
});

function place(path: string, text: string): void {
  mkdirSync(join(folder, "state", path, ".."), { recursive: true });
  writeFileSync(join(folder, "state", path), text);
}

function ask(content: readonly string[]) {
  const unit =
    "Id=jailed-web@b.service\nActiveState=active\nSubState=running\nResult=success\nNRestarts=2\nMainPID=1\n";
  const systemctl = `#!/bin/sh\ncat <<'END'\n${unit}MemoryCurrent=4096\nTasksCurrent=[not set]\nEND\n`;
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(join(folder, "bin/systemctl"), systemctl, { mode: 0o755 });
  writeFileSync(join(folder, "content"), content.map((line) => `${line}\n`).join(""));
  const program = programFor("ask", ["status"]).replace(/^STATE=.*$/m, `STATE=${folder}/state`);
  const script = program.replace(
    /\nmain_ask\n$/,
    `\nPATH=${folder}/bin:$PATH CONTENT=${folder}/content\nset -eu\nask_status >&4\n`,
  );

  return parseAnswer(execFileSync("sh", ["-c", script], { encoding: "utf8", env: { PATH: process.env["PATH"] } }));
}
