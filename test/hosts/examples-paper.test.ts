import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repository } from "../../dev/paths.ts";
import type { Endpoint } from "../../provider/index.ts";
import { ask } from "../support/ask.ts";
import { type Certificate, selfSigned } from "../support/certificate.ts";
import type { Stack } from "../support/engine.ts";
import { viewJail } from "../support/jail-view.ts";
import { startLoad } from "../support/load.ts";
import { expectSuccess, hostsConfig, mainProcesses, openSite, type Site } from "../support/site.ts";
import { zipDirectory } from "../support/zip.ts";

let site: Site;
let tomcat: Stack | undefined;
let certificate: Certificate;
let http: Endpoint;
let https: Endpoint;
let unitName: string;

const url = (endpoint: Endpoint, path: string, scheme = "http") =>
  `${scheme}://${endpoint.address}:${endpoint.hostPort}${path}`;
const named = { headers: { host: "site.example" } };

beforeAll(async () => {
  site = await openSite("paper", ["web", "app"], { directory: "examples/apache-site" });
  certificate = await selfSigned(site.host("web"), "site.example");
  await useCertificate();
  expectSuccess(await site.stack.up());
  ({ http, https, unitName } = (await site.stack.outputs()) as never);
});
afterAll(async () => {
  tomcat?.close();
  await site?.close();
});

async function useCertificate(): Promise<void> {
  site.stack.configure({ certificate: certificate.certificate, "pulumi-jail:hosts": hostsConfig(site.hosts) });
  const words = ["config", "set-all", "--secret", `privateKey=${certificate.privateKey}`];
  expectSuccess(await site.stack.run(words, {}));
}

describe("examples/apache-site", () => {
  it("serves its virtual host by name, and Debian's own page to every other", async () => {
    expect((await ask(url(http, "/"), named)).text).toContain("<h1>A jailed site</h1>");
    expect((await ask(url(http, "/"))).text).toContain("Apache2 Debian Default Page");
  });

  it("lists a directory, with icons that are there", async () => {
    const listing = (await ask(url(http, "/downloads/"), named)).text;
    const icons = [...listing.matchAll(/<img src="([^"]+)"/g)].map(([, path]) => path as string);
    expect(icons.length).toBeGreaterThanOrEqual(3);
    for (const icon of new Set(icons)) {
      expect(await ask(url(http, icon))).toMatchObject({ status: 200, headers: { "content-type": "image/gif" } });
    }
  });

  it("compresses for those who take it", async () => {
    const path = url(http, "/downloads/notes.txt");
    const packed = await ask(path, { headers: { ...named.headers, "accept-encoding": "gzip" } });
    const plain = await ask(path, named);
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(packed.headers["content-encoding"]).toBe("gzip");
    expect(packed.body.length).toBeLessThan(plain.body.length / 3);
    expect(gunzipSync(packed.body)).toEqual(plain.body);
  });

  it("speaks TLS with a key that is in no jail's tree and not in the state", async () => {
    const trusted = { ...named, ca: certificate.certificate };
    expect((await ask(url(https, "/", "https"), trusted)).text).toContain("<h1>A jailed site</h1>");
    await expect(ask(url(https, "/", "https"), named)).rejects.toThrow(/self-signed/);
    const secret = certificate.privateKey.split("\n")[1] as string;
    const holders = async (directory: string) =>
      (await site.host("web").exec(["grep", "-rlF", secret, directory], { reject: false })).stdout;
    expect(await holders("/var/lib/pulumi-jail/services")).toContain("/credentials/privateKey");
    expect((await holders("/var/lib/pulumi-jail/jails")) + (await holders("/var/lib/pulumi-jail/store"))).toBe("");
    expect(site.stack.state()?.includes(secret)).toBe(false);
  });

  it("reloads gracefully: new workers under the same main process, no request lost", async () => {
    const before = await viewJail(site.host("web"), unitName);
    const load = startLoad(url(http, "/index.html"), { keepAlive: 0, fresh: 4 }, 60);
    await site.host("web").exec(["systemctl", "reload", unitName]);
    const oldWorkers = async () =>
      (await viewJail(site.host("web"), unitName)).pids.slice(1).filter((pid) => before.pids.includes(pid));
    await expect.poll(oldWorkers, { timeout: 60_000, interval: 200 }).toEqual([]);
    await load.reach(51);
    const { failed, errors } = await load.stop();
    expect({ failed, errors }).toEqual({ failed: 0, errors: {} });
    expect((await viewJail(site.host("web"), unitName)).mainPid).toBe(before.mainPid);
    expect(before.pids.length).toBeGreaterThan(1);
  });

  it("has the lines of passwd and group that it needs, a private /dev/shm, and no shell", async () => {
    const view = await viewJail(site.host("web"), unitName);
    expect(view.passwd).toMatch(
      /^root:x:0:0::\/root:\/usr\/sbin\/nologin\nwww-data:x:(\d+):\1::\/var\/www:\/usr\/sbin\/nologin$/,
    );
    expect(view.group).toMatch(/^root:x:0:\nwww-data:x:\d+:$/);
    expect((await site.host("web").exec(["cat", "/etc/passwd"])).stdout.split("\n").length).toBeGreaterThan(15);
    expect(view.mounts["/dev/shm"]).toMatch(/noexec.* tmpfs .*size=262144k/);
    expect(view.files).toContain("/usr/sbin/apache2");
    expect(view.files.filter((path) => /\/(ba|da)?sh$|\/apachectl$|\/apache2ctl$/.test(path))).toEqual([]);
    await site.host("web").exec(["test", "-x", "/bin/bash"]);
  });
});

describe("examples/tomcat", () => {
  let app: Endpoint;
  let unit: string;
  let stack: Stack;
  const configure = (egress: string) =>
    stack.configure({
      slimJava: "true",
      partner: {
        url: url(https, "/downloads/manual.html", "https"),
        egress,
        authority: certificate.certificate,
      },
      "pulumi-jail:hosts": hostsConfig(site.hosts),
    });

  beforeAll(async () => {
    stack = tomcat = await site.openStack({ directory: "examples/tomcat" });
    configure("192.0.2.1:443");
    expectSuccess(await stack.up());
    const outputs = await stack.outputs();
    expect(outputs["jailBytes"]).toBeLessThan(90e6);
    ({ http: app, unitName: unit } = outputs as never);
  });

  it("deploys a WAR that is put into its volume, and compiles a page of it at the first request", async () => {
    expect((await ask(url(app, "/hello/"))).status).toBe(404);
    const war = zipDirectory(join(repository, "examples/tomcat/hello"));
    const put = "cat >/var/lib/pulumi-jail/volumes/app.webapps/hello.war";
    await site.host("app").exec(["sh", "-euc", put], { input: war });
    await expect
      .poll(async () => (await ask(url(app, "/hello/"))).status, { timeout: 90_000, interval: 500 })
      .toBe(200);
    const page = (await ask(url(app, "/hello/"))).text;
    expect(page).toMatch(/^\s*hello from tomcat at app\/100\.127\.\d+\.\d+\nrandom \[\d+, \d+, \d+\]\s*$/);
  });

  it("draws text with fonts of its own", async () => {
    const drawn = await ask(url(app, "/hello/drawing.jsp?text=Hello"));
    const other = await ask(url(app, "/hello/drawing.jsp?text=Bye"));
    expect(drawn).toMatchObject({ status: 200, headers: { "content-type": /^image\/png/ } });
    expect(drawn.body.subarray(1, 4).toString()).toBe("PNG");
    expect(drawn.body.equals(other.body)).toBe(false);
  });

  it("calls another system by TLS once its egress allows it, without a restart", async () => {
    const refused = await ask(url(app, "/hello/partner.jsp"));
    expect(refused).toMatchObject({ status: 502, text: /^\s*(SocketTimeout|Connect)Exception/ });
    const processes = await mainProcesses([site.host("app")]);
    configure(`${https.address}:${https.hostPort}`);
    expectSuccess(await stack.up());
    expect(await mainProcesses([site.host("app")])).toEqual(processes);
    expect(await ask(url(app, "/hello/partner.jsp"))).toMatchObject({
      status: 200,
      text: /partner says 200 <p>Manual/,
    });
  });

  it("trusts the authorities it was given, and no other", async () => {
    certificate = await selfSigned(site.host("web"), "site.example");
    await useCertificate();
    expectSuccess(await site.stack.up());
    const served = await ask(url(https, "/", "https"), { ...named, ca: certificate.certificate });
    expect(served.status).toBe(200);
    const refused = await ask(url(app, "/hello/partner.jsp"));
    expect(refused).toMatchObject({ status: 502, text: /SSLHandshakeException.*PKIX/ });
  });

  it("has no tool of the build root and no shell, and of /proc and /dev what the JVM needs", async () => {
    const view = await viewJail(site.host("app"), unit);
    expect(view.passwd).toMatch(/^root:[^\n]*\ntomcat:x:(\d+):\1::\/var\/lib\/tomcat:\/usr\/sbin\/nologin$/);
    expect(view.files).toContain("/opt/java/lib/modules");
    const tools = /\/(sh|dash|bash|uname|catalina\.sh|jlink|keytool|openssl)$/;
    expect(view.files.filter((path) => tools.test(path))).toEqual([]);
    expect(view.mounts["/proc"]).toMatch(/nosuid.*hidepid=invisible,subset=pid/);
    expect(view.mounts["/var/lib/tomcat10/webapps"]).toMatch(/^rw,.*noexec/);
    const random = await site.host("app").exec(["stat", "-Lc", "%F %t:%T", `/proc/${view.mainPid}/root/dev/random`]);
    expect(random.stdout.trim()).toBe("character special file 1:8");
  });

  it("is as declared afterwards, and leaves nothing but the volume after destroy", async () => {
    expectSuccess(await stack.preview({ refresh: true, expectNoChanges: true }));
    for (const one of [stack, site.stack]) expectSuccess(await one.destroy());
    const left = await site.host("app").exec(["find", "/var/lib/pulumi-jail", "-maxdepth", "2"]);
    expect(left.stdout.trim().split("\n").slice(1)).toEqual([
      "/var/lib/pulumi-jail/volumes",
      "/var/lib/pulumi-jail/volumes/app.webapps",
    ]);
  });
});
