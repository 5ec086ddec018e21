import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answers, expectSuccess, openSite, operations, type Site } from "../support/site.ts";

const program = (page: string, extra = ""): string => `
import { Host, Jail, JailedService } from "pulumi-jail";
const apache = new Jail("apache", {
  connection: Host.fromConfig("web1"), packages: ["apache2"], unit: "apache2.service",
  files: { "/var/www/html/index.html": { content: ${JSON.stringify(page)} } },
});
const web = new JailedService("web", { jail: apache, ports: { http: 80 }, ${extra} });
export const endpoint = web.endpoints.http;
`;

let site: Site;

const sh = (script: string) => site.host("web1").exec(["sh", "-euc", script]);

beforeAll(async () => {
  site = await openSite("faults", ["web1"], { program: program("one") });
  expectSuccess(await site.stack.up());
  // The first refresh drops propertyDependencies of what it read: the engine's doing, not a change of ours.
  expectSuccess(await site.stack.refresh());
});
afterAll(() => site?.close());

describe("a host that can't be looked at is not a host without our things", () => {
  /** The engine writes the time of every run, failed ones too; nothing else may change. */
  function stateBytes(): string {
    return (site.stack.state()?.toString() ?? "").replace(/("manifest":\{"time":)"[^"]*"/, "$1");
  }

  async function refreshFails(words: RegExp, env: Record<string, string> = {}): Promise<void> {
    const state = stateBytes();
    const refresh = await site.stack.refresh({ env });
    expect(refresh.exitCode).not.toBe(0);
    expect(refresh.stdout + refresh.stderr).toMatch(/web1/);
    expect(refresh.stdout + refresh.stderr).toMatch(words);
    // Compared as objects first, for a difference that can be read.
    expect(JSON.parse(stateBytes().replace('"time":,', ""))).toEqual(JSON.parse(state.replace('"time":,', "")));
    expect(stateBytes()).toBe(state);
  }

  it("keeps the state byte for byte while sshd is down, and says where it failed", async () => {
    await site.host("web1").exec(["systemctl", "stop", "ssh.service", "ssh.socket"], { reject: false });
    try {
      await refreshFails(/can't be reached|refused|unreachable/i);
    } finally {
      await site.host("web1").exec(["systemctl", "start", "ssh.service"]);
    }
  });

  it("refuses a host that shows another key", async () => {
    const files = "/etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub";
    await sh(`mkdir /root/kept && cp -p ${files} /root/kept/ && rm ${files}
      ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key && systemctl restart ssh.service`);
    try {
      await refreshFails(/host key/i);
    } finally {
      await sh("mv /root/kept/* /etc/ssh/ && rmdir /root/kept && systemctl restart ssh.service");
    }
  });

  it("keeps the state with a key of the user that the host does not take", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs1", format: "pem" }).toString();
    await refreshFails(/authenticat|log ?in/i, { PULUMI_JAIL_PRIVATE_KEY: pem });
  });

  it("keeps the state while the file system is read-only; an update names the cause too, and the next one goes on", async () => {
    await sh("mount --bind /var/lib /var/lib && mount -o remount,bind,ro /var/lib");
    try {
      await refreshFails(/read-only/i);
      site.stack.write("index.ts", program("two"));
      const up = await site.stack.up();
      expect(up.exitCode).not.toBe(0);
      expect(up.stdout + up.stderr).toMatch(/read-only/i);
    } finally {
      await sh("umount /var/lib");
    }
    expectSuccess(await site.stack.up());
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });
});

describe("a service that cannot start", () => {
  const url = async (): Promise<string> => {
    const endpoint = (await site.stack.outputs())["endpoint"] as { address: string; hostPort: number };
    return `http://${endpoint.address}:${endpoint.hostPort}/`;
  };
  const broken = 'configFiles: { "/etc/apache2/ports.conf": { content: "Listen nonsense\\n" } }';
  const brokenFile = program("two").replace(
    "files: {",
    'files: { "/etc/apache2/ports.conf": { content: "Listen nonsense\\n" },',
  );

  it("leaves the previous generation serving, with the log's last lines as the reason", async () => {
    expect(await answers(await url(), 1)).toEqual(["200 two"]);
    site.stack.write("index.ts", program("two", broken));
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    expect(up.stdout + up.stderr).toMatch(/AH00526: Syntax error/);
    expect(await answers(await url(), 3)).toEqual(["200 two", "200 two", "200 two"]);
    site.stack.write("index.ts", program("two"));
    expectSuccess(await site.stack.up());
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("does so too when the jail itself can't be discovered", async () => {
    site.stack.write("index.ts", brokenFile);
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    expect(up.stdout + up.stderr).toMatch(/AH00526: Syntax error/);
    expect(await answers(await url(), 2)).toEqual(["200 two", "200 two"]);
    site.stack.write("index.ts", program("two"));
    expectSuccess(await site.stack.up());
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
  });

  it("is in the state with its id and reasons after a first create, and the corrected up mends it", async () => {
    const second = (body: string): string =>
      program("two") +
      body
        .replaceAll('"apache"', '"apache-b"')
        .replaceAll('"web"', '"web-b"')
        .replace(/import.*\n/, "")
        .replaceAll("const apache", "const apacheB")
        .replaceAll("const web", "const webB")
        .replaceAll("jail: apache", "jail: apacheB")
        .replace(/export.*\n/, "");
    site.stack.write("index.ts", second(program("two", broken)));
    const up = await site.stack.up();
    expect(up.exitCode).not.toBe(0);
    const service = site.stack.resources().find((resource) => resource.urn.endsWith("::web-b"));
    expect(service?.id).toBe("web-b");
    expect(service?.initErrors?.join("\n")).toMatch(/AH00526: Syntax error/);
    site.stack.write("index.ts", second(program("two")));
    expectSuccess(await site.stack.up());
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    site.stack.write("index.ts", program("two"));
    expect(operations(expectSuccess(await site.stack.up()))).toEqual({
      "apache-b": "delete",
      "web-b": "delete",
      "web-b-ports": "delete",
    });
  });
});

describe("a secret", () => {
  it("of the connection or of the service is in the state as ciphertext only, and in no output of the CLI", async () => {
    const canary = "canary-5d41402abc4b2a76";
    const secret = program("two", `credentials: { token: ${JSON.stringify(canary)} }`).replace(
      'Host.fromConfig("web1")',
      'new Host("web1", { connection: { ...Host.fromConfig("web1").connection, privateKey: readFileSync(process.env.PULUMI_JAIL_PRIVATE_KEY_FILE, "utf8") } })',
    );
    site.stack.write("index.ts", `import { readFileSync } from "node:fs";\n${secret}`);
    const up = expectSuccess(await site.stack.up());
    const state = site.stack.state()?.toString() ?? "";
    const key = site.host("web1").privateKey.split("\n")[2] ?? "";
    expect(key.length).toBeGreaterThan(40);
    for (const text of [state, up.stdout, up.stderr]) {
      expect(text).not.toContain(canary);
      expect(text).not.toContain(key);
    }
    // The control: both are there, and the service has its credential.
    expect(state.split('"ciphertext"').length).toBeGreaterThan(3);
    const found = await sh(`grep -rl ${canary} /var/lib/pulumi-jail/services/web | head -n 3`);
    expect(found.stdout).toMatch(/credentials/);
    expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    site.stack.write("index.ts", program("two"));
    expectSuccess(await site.stack.up());
  });
});

describe("two stacks on one host", () => {
  it("do not clash, and the same name is refused with the owner's name", async () => {
    const other = await site.openStack({
      program: program("three").replaceAll('"apache"', '"apache-c"').replaceAll('"web"', '"web-c"'),
      stack: "other",
    });
    try {
      const [mine, theirs] = await Promise.all([site.stack.up(), other.up()]);
      expectSuccess(mine);
      expectSuccess(theirs);
      const endpoints = [await site.stack.outputs(), await other.outputs()].map(
        (outputs) => (outputs["endpoint"] as { hostPort: number }).hostPort,
      );
      expect(new Set(endpoints).size).toBe(2);
      other.write("index.ts", program("three"));
      const refused = await other.up();
      expect(refused.exitCode).not.toBe(0);
      expect(refused.stdout + refused.stderr).toContain("urn:pulumi:dev::test::");
      expectSuccess(await other.destroy());
      expectSuccess(await site.stack.preview({ expectNoChanges: true, refresh: true }));
    } finally {
      other.close();
    }
  });
});
