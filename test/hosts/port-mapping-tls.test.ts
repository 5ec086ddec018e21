import { X509Certificate } from "node:crypto";
import { type ConnectionOptions, connect } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootHosts, diffFingerprints, type Fingerprint, type TestHost, type TestHosts } from "../../dev/hosts/index.ts";
import { closeHosts } from "../../provider/host/pool.ts";
import { authority, certificateOf } from "../support/certificates.ts";
import { get } from "../support/http-get.ts";
import { startResponder } from "../support/http-responder.ts";
import { startLoad } from "../support/load.ts";
import { type EdgeSite, edgeSite, type State } from "./edge-site.ts";
import { errorOf, shell, until } from "./ssh-site.ts";

const LEFT_ALONE = ["/var/lib/apt", "/var/cache", "/var/log"];
const CERTIFICATES = "/var/lib/pulumi-jail/edge/configuration/certificates";

let site: TestHosts;
let edge: TestHost;
let mappings: EdgeSite;
let before: Fingerprint;
const states: Record<string, State> = {};

beforeAll(async () => {
  site = await bootHosts({ run: `tls-${process.pid}`, hosts: ["edge"] });
  edge = site.host("edge");
  mappings = edgeSite(edge);
  for (const [index, name] of ["web1", "web2", "web3"].entries()) await startResponder(edge, 18081 + index, name);
  await startHolder();
  before = await edge.fingerprint(LEFT_ALONE);
});
afterAll(async () => {
  closeHosts();
  await site?.destroy();
});

describe("TLS on a shared bind", () => {
  test("is ended by each mapping's own certificate, version and protocols", async () => {
    await up("shop", shop("shop"));
    await up("wiki", {
      ...shop("wiki"),
      hostnames: ["wiki.example"],
      backends: [backend("web2")],
      tls: { certificates: [certificateOf("wiki")], minVersion: "TLSv1.3", alpn: ["http/1.1"] },
    });
    expect(states["shop"]!.url).toBe(`https://${edge.address}/`);
    const [atShop, atWiki] = [await talk(443, "shop.example"), await talk(443, "wiki.example")];
    expect([atShop.subject, atShop.protocol, atShop.text]).toEqual([
      "shop.example",
      "http/1.1",
      expect.stringMatching(/^web1 \S+ https$/),
    ]);
    expect([atWiki.subject, atWiki.text]).toEqual(["wiki.example", expect.stringMatching(/^web2 /)]);
    expect((await talk(443, "shop.example", { ALPNProtocols: ["h2"] })).protocol).toBe("h2");
    expect((await talk(443, "shop.example", { maxVersion: "TLSv1.2" })).subject).toBe("shop.example");
    expect((await talk(443, "wiki.example", { maxVersion: "TLSv1.2" })).error).toMatch(/alert|reset/i);
  });

  test("gets a renewed certificate by the runtime API, and its key is seen nowhere but in its file", async () => {
    const pid = await mappings.workerPid();
    await up("shop", shop("shop", "shop-renewed"));
    expect(states["shop"]!.lastChange.by).toBe("runtime-api");
    expect(await mappings.workerPid()).toBe(pid);
    expect((await talk(443, "shop.example")).fingerprint).toBe(fingerprintOf("shop-renewed"));
    expect(await shell(edge, `stat -c %a:%U:%G ${CERTIFICATES}/shop.0.pem`)).toBe("640:root:pulumi-jail-edge\n");
    const line = certificateOf("shop-renewed").privateKey.split("\n")[1]!;
    const seen = await shell(
      edge,
      `grep -rlF -- '${line}' /var/lib/pulumi-jail /run /etc /var/log /tmp 2>/dev/null; journalctl -q | grep -cF -- '${line}'; true`,
    );
    expect(seen).toBe(`${CERTIFICATES}/shop.0.pem\n0\n`);
    expect(await drift("shop")).toEqual([]);
  });

  test("is what it was after a reload, and drift of its files and of what runs is named and mended", async () => {
    const fingerprint = fingerprintOf("shop-renewed");
    await shell(edge, "systemctl reload pulumi-jail-edge.service; sleep 0.3");
    expect((await talk(443, "shop.example")).fingerprint).toBe(fingerprint);
    await shell(
      edge,
      `cat ${CERTIFICATES}/wiki.0.pem >${CERTIFICATES}/shop.0.pem; chmod 644 ${CERTIFICATES}/wiki.0.pem`,
    );
    expect(await drift("shop")).toEqual([
      "shop.0.pem changed",
      "wiki.0.pem has mode 644:root:pulumi-jail-edge, not 640:root:pulumi-jail-edge",
    ]);
    await shell(edge, "systemctl restart pulumi-jail-edge.service");
    expect(await drift("shop")).toContain("HAProxy serves another certificate than tls.certificates[0]");
    await up("shop", shop("shop", "shop-renewed"));
    await up("wiki", undefined);
    expect(await drift("shop")).toEqual([]);
    expect((await talk(443, "shop.example")).fingerprint).toBe(fingerprint);
  });
});

describe("a mapping whose certificate is lost", () => {
  test("is served on while others change by the runtime API, and keeps nobody from a reload", async () => {
    await shell(edge, `mv ${CERTIFICATES}/wiki.0.pem /root/wiki.0.pem`);
    const shopping = shop("shop", "shop-renewed");
    await up("shop", { ...shopping, backends: [{ ...backend("web1"), weight: 50 }] });
    expect(states["shop"]!.lastChange.by).toBe("runtime-api");
    expect((await talk(443, "wiki.example")).subject).toBe("wiki.example");
    await up("shop", { ...shopping, balance: "roundrobin" });
    expect(states["shop"]!.lastChange.by).toBe("reload");
    expect(mappings.warnings.at(-1)).toMatch(/^wiki\.0\.pem on this edge is lost or spoilt: /);
    expect((await talk(443, "shop.example")).text).toMatch(/^web1 /);
    expect((await talk(443, "wiki.example")).subject).toBe("shop.example");
    expect(await drift("shop")).toEqual([]);
    expect(await drift("wiki")).toEqual(["wiki.0.pem is gone"]);
    await up("wiki", undefined);
    expect([await drift("wiki"), await drift("shop")]).toEqual([[], []]);
    expect((await talk(443, "wiki.example")).subject).toBe("wiki.example");
    await shell(edge, "rm /root/wiki.0.pem");
  });
});

describe("other ways of a mapping", () => {
  test("a client without a certificate of the authority's is refused", async () => {
    await up("club", {
      ...shop("shop"),
      bindPort: 8443,
      hostnames: [],
      tls: { ...tls("shop"), clientCa: authority() },
    });
    const { certificate: cert, privateKey: key } = certificateOf("client");
    expect((await talk(8443, "shop.example", { cert, key })).text).toMatch(/^web1 /);
    expect((await talk(8443, "shop.example")).error ?? "no error").toMatch(/certificate required/);
    const { certificate: other, privateKey: otherKey } = certificateOf("wiki");
    expect((await talk(8443, "shop.example", { cert: other, key: otherKey })).error ?? "no error").toMatch(
      /unknown ca/i,
    );
  });

  test("the plain port redirects, tcp goes by the name in TLS, and passes it through", async () => {
    await up("plain", { bindPort: 80, mode: "http", redirectToHttps: true });
    const answer = await fetch(`http://${edge.address}/a?b=c`, { redirect: "manual" });
    expect([answer.status, answer.headers.get("location")]).toEqual([301, `https://${edge.address}/a?b=c`]);
    await up("pass", {
      bindPort: 9443,
      hostnames: ["shop.example"],
      backends: [{ address: edge.address, hostPort: 443 }],
    });
    expect((await talk(9443, "shop.example")).text).toMatch(/^web1 /);
    expect((await talk(9443, "else.example")).error).toBeDefined();
  });

  test("a cookie keeps a visitor where it was, on servers that came by the runtime API too", async () => {
    const sticky = { bindPort: 8080, mode: "http", affinity: "cookie", balance: "roundrobin" };
    await up("sticky", { ...sticky, backends: [backend("web1"), backend("web2")] });
    await up("sticky", { ...sticky, backends: [backend("web1"), backend("web2"), backend("web3")] });
    expect(states["sticky"]!.lastChange.by).toBe("runtime-api");
    const url = `http://${edge.address}:8080/`;
    const cookies = new Map<string, string>();
    for (let request = 0; request < 30 && cookies.size < 3; request++) {
      const answer = await fetch(url, { headers: { connection: "close" } });
      const [name = ""] = (await answer.text()).split(" ");
      cookies.set(name, answer.headers.get("set-cookie")?.split(";")[0] ?? "");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect([...cookies.keys()].sort()).toEqual(["web1", "web2", "web3"]);
    await shell(edge, "systemctl reload pulumi-jail-edge.service; sleep 0.3");
    for (const [name, cookie] of cookies)
      for (let request = 0; request < 3; request++)
        expect((await get(url, undefined, { cookie })).text).toMatch(new RegExp(`^${name} `));
  });

  test("one address gets so many requests a second, and the proxy shows its figures", async () => {
    await up("tight", {
      ...shop("tight"),
      tls: undefined,
      bindPort: 8081,
      limits: { requestsPerSecondPerAddress: 5 },
      hostnames: [],
    });
    const url = `http://${edge.address}:8081/`;
    const statuses = await Promise.all(Array.from({ length: 20 }, async () => (await get(url)).status));
    expect(statuses.filter((status) => status === 200).length).toBe(5);
    expect(statuses.filter((status) => status === 429).length).toBe(15);
    await up("figures", { bindPort: 8404, backends: "statistics" });
    const ask = (path: string) =>
      shell(
        edge,
        `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:8404") or die; print $s "GET ${path} HTTP/1.0\\r\\n\\r\\n"; print while <$s>'`,
      );
    expect(await ask("/")).toContain("Statistics Report");
    expect(await ask("/metrics")).toMatch(/haproxy_server_status\{proxy="shop",server="[^"]+",state="UP"\} 1/);
    expect((await get(`http://${edge.address}:8404/`)).text).toBe("ECONNREFUSED");
  });

  test("so much is under way at once, of one address and of all", async () => {
    await up("held", {
      bindPort: 8082,
      mode: "http",
      backends: [{ address: edge.address, hostPort: 18090 }],
      limits: { connections: 5, connectionsPerAddress: 3 },
    });
    const url = `http://${edge.address}:8082/`;
    const mine = [get(url), get(url), get(url)];
    await becomes("[ $(wc -c </run/held) = 3 ]");
    expect((await get(url)).status).toBe(429);
    // Another address: two are let in, a third is one too many of all.
    const others = await shell(edge, `perl -e '${ASK_FROM_THE_EDGE}' ${edge.address} 8082`);
    expect(others.trim().split(" ")).toEqual(["503", "200", "200"]);
    expect((await Promise.all(mine)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect((await get(url)).status).toBe(200);
    await shell(edge, "rm /run/held /run/go");
  });

  test("an address keeps its backend, over a reload too", async () => {
    const backends = [backend("web1"), backend("web2"), backend("web3")];
    const home = { bindPort: 8083, mode: "http", balance: "roundrobin", backends };
    await up("home", home);
    const url = `http://${edge.address}:8083/`;
    const namesOf = async (requests: number) => {
      const names = new Set<string>();
      for (let request = 0; request < requests; request++) names.add((await get(url)).text.split(" ")[0]!);
      return [...names].sort();
    };
    await becomes(`${SHOW} 'show stat home 4 -1' | grep -c ',UP,' | grep -x 3 >/dev/null`);
    expect(await namesOf(6)).toEqual(["web1", "web2", "web3"]);
    await up("home", { ...home, affinity: "source" });
    // Who has just started asks a while for the tables of a process before.
    await becomes(`${SHOW} 'show peers' | grep -Eq 'id=peers:local .* flags=0x[0-9a-f]*[37] '`);
    // The edge's own address comes first, so that this one's backend is not the first of them.
    await shell(
      edge,
      `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("${edge.address}:8083"); print $s "GET / HTTP/1.0\r\n\r\n"; 1 while <$s>'`,
    );
    const kept = await namesOf(6);
    expect(kept.length).toBe(1);
    expect(kept).not.toEqual(["web1"]);
    await shell(edge, "systemctl reload pulumi-jail-edge.service");
    await becomes(`${SHOW} 'show table home' | grep -q 'used:2'`);
    expect(await namesOf(6)).toEqual(kept);
  });
});

describe("a certificate that only the proxy refuses", () => {
  test("is refused alone, while the others serve", async () => {
    const load = startLoad(`http://${edge.address}:8080/`, { keepAlive: 1, fresh: 1 });
    const error = await errorOf(up("weak", { ...shop("weak"), hostnames: ["weak.example"], tls: tls("weak") }));
    expect(error.message).toContain('mapping "weak" is refused by the proxy, the others serve on');
    const { failed, requests } = await load.stop();
    expect(failed).toBe(0);
    expect(requests).toBeGreaterThan(20);
    expect((await talk(443, "shop.example")).subject).toBe("shop.example");
    expect(await drift("shop")).toEqual([]);
    expect(await shell(edge, `ls ${CERTIFICATES}; ls /run | grep -c pulumi-jail-request || true`)).not.toContain(
      "weak",
    );
  });
});

describe("the last mapping", () => {
  test("leaves the host as it was", async () => {
    for (const state of Object.values(states)) await mappings.remove(state);
    const changes = diffFingerprints(before, await edge.fingerprint(LEFT_ALONE));
    expect(changes.filter((line) => !line.includes("/run/pulumi-jail"))).toEqual([]);
  });
});

/** Waits until a command on the edge succeeds. */
function becomes(command: string): Promise<void> {
  return until(async () => (await shell(edge, `if ${command}; then echo yes; fi`)).trim().endsWith("yes"));
}

/** A command of the runtime socket, by perl. */
const SHOW = `perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new("/run/pulumi-jail-edge/admin.sock") or die; print $s "$ARGV[0]\n"; shutdown $s, 1; print <$s>'`;

/** Two requests that are held, a third one's status, then all go: and the statuses of the two. */
const ASK_FROM_THE_EDGE = `
use IO::Socket::INET;
sub ask { my $s = IO::Socket::INET->new("$ARGV[0]:$ARGV[1]") or die; print $s "GET / HTTP/1.0\r\n\r\n"; $s->flush; $s }
sub status { my $s = shift; my $line = <$s>; $line =~ /^HTTP[^ ]+ ([0-9]+)/ ? $1 : "none" }
my @two = (ask(), ask()); select undef, undef, undef, 0.02 until -s "/run/held" == 5;
my $third = status(ask()); open my $go, ">", "/run/go"; print join " ", $third, map { status($_) } @two;
`;

/** Answers nobody until /run/go is there; each request that came is a byte of /run/held. */
async function startHolder(): Promise<void> {
  const program = `
use IO::Socket::INET; $SIG{CHLD} = "IGNORE";
my $listener = IO::Socket::INET->new(LocalPort => 18090, Listen => 64, ReuseAddr => 1) or die $!;
while (1) {
  my $client = $listener->accept or next;
  next if fork; sysread $client, my $request, 4096 or exit;
  open my $held, ">>", "/run/held"; syswrite $held, "."; select undef, undef, undef, 0.02 until -e "/run/go";
  syswrite $client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"; exit;
}
`;
  await edge.exec(["sh", "-c", "cat >/run/holder.pl"], { input: program });
  await edge.exec(["systemd-run", "-q", "--collect", "--unit=holder", "perl", "/run/holder.pl"]);
  await becomes("ss -Hltn 'sport = :18090' | grep -q .");
}

const given: Record<string, object> = {};

async function up(name: string, args: object | undefined): Promise<void> {
  given[name] = args ?? given[name]!;
  states[name] = await mappings.up({ mappingName: name, ...given[name] }, states[name]);
}

async function drift(name: string): Promise<readonly string[]> {
  return (await mappings.read(states[name]!))!.drift;
}

function shop(name: string, certificate?: Parameters<typeof certificateOf>[0]): object {
  return {
    bindPort: 443,
    mode: "http",
    hostnames: [`${name}.example`],
    backends: [backend("web1")],
    tls: tls(certificate ?? "shop"),
  };
}

function tls(name: Parameters<typeof certificateOf>[0]) {
  return { certificates: [certificateOf(name)] };
}

function backend(name: "web1" | "web2" | "web3") {
  return { name, address: edge.address, hostPort: 18080 + Number(name.slice(3)) };
}

function fingerprintOf(name: Parameters<typeof certificateOf>[0]): string {
  return new X509Certificate(certificateOf(name).certificate).fingerprint;
}

interface Answer {
  readonly subject?: string;
  readonly fingerprint?: string;
  readonly protocol?: string;
  readonly text?: string;
  readonly error?: string;
}

/** One request over TLS, by hand: certificate, ALPN and the last line of the answer, or how it ended. */
function talk(port: number, servername: string, options: ConnectionOptions = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({
      host: edge.address,
      port,
      servername,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      timeout: 5000,
      ...options,
    });
    let answer: Answer = {};
    let text = "";
    socket.on("secureConnect", () => {
      const { subject, fingerprint } = socket.getPeerCertificate();
      answer = { subject: String(subject.CN), fingerprint, protocol: String(socket.alpnProtocol) };
      if (answer.protocol === "h2") socket.end();
      else socket.write(`GET / HTTP/1.1\r\nHost: ${servername}\r\nConnection: close\r\n\r\n`);
    });
    socket.on("data", (part: Buffer) => (text += part));
    socket.on("timeout", () => socket.destroy(new Error("timeout")));
    socket.on("error", (error) => resolve({ error: error.message }));
    socket.on("close", () =>
      resolve(
        text === "" && answer.protocol !== "h2"
          ? { error: "closed" }
          : { ...answer, text: text.trim().split("\n").at(-1)! },
      ),
    );
  });
}
