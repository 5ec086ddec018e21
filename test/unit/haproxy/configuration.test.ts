import { describe, expect, test } from "vitest";
import { renderConfiguration } from "../../../provider/haproxy/configuration.ts";
import type { MappingTls } from "../../../provider/haproxy/mapping.ts";
import { mapping, server } from "./fixtures.ts";

const MARK = { sha256: "a".repeat(64), fingerprint: "b".repeat(40), names: ["shop.example"] };
const PLAIN = { affinity: undefined, limits: undefined, redirectToHttps: undefined, tls: undefined } as const;

function tls(change: Partial<MappingTls>): MappingTls {
  return { certificates: [MARK], minVersion: "TLSv1.2", alpn: [], ...change };
}

describe("renderConfiguration", () => {
  test("renders an http and a tcp mapping, whole", () => {
    const { text, digest } = renderConfiguration([
      mapping({
        name: "site",
        healthCheck: { type: "http", path: "/up", expectStatus: "200", interSeconds: 2, rise: 2, fall: 3 },
      }),
      mapping({
        name: "db",
        bindAddress: "192.0.2.10",
        bindPort: 3306,
        mode: "tcp",
        clientAddress: "proxy-v2",
        balance: "source",
        servers: [server({ name: "db.mysql.10.0.0.7", address: "2001:db8::7", port: 23306, state: "maint" })],
      }),
    ]);
    expect(text).toBe(`# Made by pulumi-jail from the mappings on this host. A change made here is drift and is undone.

global
    description pulumi-jail ${digest}
    stats socket /run/pulumi-jail-edge/admin.sock mode 600 level admin expose-fd listeners
    hard-stop-after 30s

defaults
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout queue 5s
    timeout check 5s
    timeout http-request 10s
    timeout http-keep-alive 10s
    timeout tunnel 1h

frontend bind:192.0.2.10:3306
    mode tcp
    bind 192.0.2.10:3306 transparent
    timeout client 30s
    default_backend db

frontend bind:any:80
    mode http
    bind :80
    timeout client 30s
    option idle-close-on-response
    default_backend site

backend db
    mode tcp
    balance source
    hash-type consistent
    timeout connect 5s
    timeout server 30s
    retries 3
    option redispatch 1
    server db.mysql.10.0.0.7 [2001:db8::7]:23306 weight 100 check inter 2s rise 2 fall 3 send-proxy-v2 check-send-proxy disabled

backend site
    mode http
    balance leastconn
    timeout connect 5s
    timeout server 30s
    option http-server-close
    http-reuse never
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request disable-l7-retry unless METH_GET
    retry-on conn-failure empty-response response-timeout
    retries 3
    option redispatch 1
    option httpchk
    http-check send meth GET uri /up ver HTTP/1.1 hdr Host localhost
    http-check expect status 200
    server web1 10.0.0.4:20128 weight 100 check inter 2s rise 2 fall 3
    server web2 10.0.0.5:20128 weight 100 check inter 2s rise 2 fall 3
`);
  });

  test("merges the http mappings of one bind, the most particular first", () => {
    const { text } = renderConfiguration([
      mapping({ name: "site" }),
      mapping({ name: "api", pathPrefix: "/api" }),
      mapping({ name: "shop", hostnames: ["shop.example", "www.shop.example"] }),
      mapping({ name: "shop-api", hostnames: ["shop.example"], pathPrefix: "/api" }),
    ]);
    expect(sectionOf(text, "frontend bind:any:80")).toEqual([
      "mode http",
      "bind :80",
      "timeout client 30s",
      "option idle-close-on-response",
      "acl host:shop-api req.hdr(host),field(1,:),lower -m str -- shop.example",
      "acl path:shop-api path -m str -- /api",
      "acl path:shop-api path -m beg -- /api/",
      "use_backend shop-api if host:shop-api path:shop-api",
      "acl host:shop req.hdr(host),field(1,:),lower -m str -- shop.example",
      "acl host:shop req.hdr(host),field(1,:),lower -m str -- www.shop.example",
      "use_backend shop if host:shop",
      "acl path:api path -m str -- /api",
      "acl path:api path -m beg -- /api/",
      "use_backend api if path:api",
      "default_backend site",
    ]);
  });

  test("renders TLS with a list of certificates for each bind, first those of whoever takes all names", () => {
    const { text, files } = renderConfiguration([
      mapping({ name: "shop", bindPort: 443, hostnames: ["shop.example"], tls: tls({ alpn: ["h2", "http/1.1"] }) }),
      mapping({
        name: "site",
        bindPort: 443,
        tls: tls({ certificates: [MARK, { ...MARK, names: ["*.example"] }], minVersion: "TLSv1.3" }),
      }),
      mapping({ name: "club", bindAddress: "192.0.2.10", bindPort: 443, tls: tls({ clientCa: "-----\n" }) }),
    ]);
    expect(sectionOf(text, "frontend bind:any:443")[1]).toBe(
      "bind :443 ssl crt-list /var/lib/pulumi-jail/edge/configuration/certificates/bind_any_443.list",
    );
    expect(sectionOf(text, "frontend bind:192.0.2.10:443")[1]).toBe(
      "bind 192.0.2.10:443 transparent ssl crt-list /var/lib/pulumi-jail/edge/configuration/certificates/bind_192.0.2.10_443.list ca-file /var/lib/pulumi-jail/edge/configuration/certificates/club.ca.pem verify required",
    );
    expect(sectionOf(text, "backend shop")).toContain("http-request set-header X-Forwarded-Proto https");
    expect(files).toEqual([
      {
        name: "bind_192.0.2.10_443.list",
        text: "/var/lib/pulumi-jail/edge/configuration/certificates/club.0.pem [ssl-min-ver TLSv1.2] shop.example\n",
      },
      {
        name: "bind_any_443.list",
        text: `/var/lib/pulumi-jail/edge/configuration/certificates/site.0.pem [ssl-min-ver TLSv1.3] !*
/var/lib/pulumi-jail/edge/configuration/certificates/site.1.pem [ssl-min-ver TLSv1.3] *.example
/var/lib/pulumi-jail/edge/configuration/certificates/shop.0.pem [alpn h2,http/1.1 ssl-min-ver TLSv1.2] shop.example
`,
      },
      { name: "club.ca.pem", text: "-----\n" },
    ]);
  });

  test("serves each hostname its own mapping's certificate, whatever other names stand in others'", () => {
    const [a, b] = ["a.example", "b.example"];
    const lines = linesOf([
      mapping({ name: "one", hostnames: [a, "c.example"], tls: tls({ certificates: [{ ...MARK, names: [a] }] }) }),
      mapping({
        name: "two",
        hostnames: [b],
        tls: tls({
          certificates: [
            { ...MARK, names: [] },
            { ...MARK, names: [b] },
          ],
        }),
      }),
    ]);
    expect(lines).toEqual([
      "one.0.pem [ssl-min-ver TLSv1.2] a.example c.example",
      "two.0.pem [ssl-min-ver TLSv1.2] !*",
      "two.1.pem [ssl-min-ver TLSv1.2] b.example",
    ]);
  });

  test("holds the stricter for a hostname of two mappings that do not say the same yet", () => {
    const shared = { bindPort: 443, hostnames: ["shop.example"] };
    const lines = linesOf([
      mapping({ ...shared, name: "a", tls: tls({ alpn: ["h2", "http/1.1"] }) }),
      mapping({ ...shared, name: "b", pathPrefix: "/b", tls: tls({ minVersion: "TLSv1.3", alpn: ["http/1.1"] }) }),
      mapping({ ...shared, name: "c", hostnames: ["c.example"], tls: tls({ alpn: ["h2"] }) }),
    ]);
    expect(lines).toEqual([
      "a.0.pem [alpn http/1.1 ssl-min-ver TLSv1.3] shop.example",
      "b.0.pem [alpn http/1.1 ssl-min-ver TLSv1.3] shop.example",
      "c.0.pem [alpn h2 ssl-min-ver TLSv1.2] c.example",
    ]);
  });

  test("leaves out what needs a lost certificate, and nothing else", () => {
    const two = tls({ certificates: [MARK, MARK] });
    const all = [
      mapping({ name: "alone", bindPort: 8443, tls: tls({ clientCa: "-----" }) }),
      mapping({ name: "shop", bindPort: 443, hostnames: ["shop.example"], tls: two }),
      mapping({ name: "wiki", bindPort: 443, hostnames: ["wiki.example"], tls: tls({}) }),
    ];
    const { text, files } = renderConfiguration(all, new Set(["alone.0.pem", "shop.0.pem", "wiki.0.pem"]));
    expect(files).toEqual([
      {
        name: "bind_any_443.list",
        text: "/var/lib/pulumi-jail/edge/configuration/certificates/shop.1.pem [ssl-min-ver TLSv1.2] shop.example\n",
      },
    ]);
    expect(text.match(/^(frontend|backend) .*$/gm)).toEqual([
      "frontend bind:any:443",
      "backend alone",
      "backend shop",
      "backend wiki",
    ]);
    expect(text).not.toContain("use_backend wiki");
  });

  test("hands tables to the next process, where there are any", () => {
    const { text } = renderConfiguration([mapping({ affinity: "source" })]);
    expect(sectionOf(text, "peers peers:local")).toEqual(["peer local unix@/run/pulumi-jail-edge/peers.sock"]);
    expect(sectionOf(text, "global")).toContain("localpeer local");
    expect(renderConfiguration([mapping({ limits: { connections: 5 } })]).text).not.toContain("peers");
  });

  test("sends tcp by the name in TLS, which it does not end", () => {
    const { text } = renderConfiguration([
      mapping({ name: "mail", mode: "tcp", hostnames: ["mail.example"] }),
      mapping({ name: "rest", mode: "tcp" }),
    ]);
    expect(sectionOf(text, "frontend bind:any:80")).toEqual([
      "mode tcp",
      "bind :80",
      "timeout client 30s",
      "tcp-request inspect-delay 5s",
      "tcp-request content accept if { req.ssl_hello_type 1 }",
      "acl sni:mail req.ssl_sni,lower -m str -- mail.example",
      "use_backend mail if sni:mail",
      "default_backend rest",
    ]);
  });

  test.each([
    [
      { affinity: "cookie", tls: tls({}) },
      ["cookie jail-site insert indirect nocache httponly secure dynamic", "dynamic-cookie-key eadb2aa2e5c6f995"],
    ],
    [{ affinity: "source" }, ["stick-table type ipv6 size 100k expire 30m peers peers:local", "stick on src"]],
    [
      { limits: { connections: 50, connectionsPerAddress: 4, requestsPerSecondPerAddress: 9 } },
      [
        "stick-table type ipv6 size 100k expire 10s store conn_cur,http_req_rate(1s) peers peers:local",
        "http-request track-sc0 src",
        "http-request deny deny_status 429 if { sc_http_req_rate(0) gt 9 }",
        "http-request deny deny_status 429 if { sc_conn_cur(0) gt 4 }",
        "http-request deny deny_status 503 if { be_conn gt 50 }",
      ],
    ],
    [
      { mode: "tcp", affinity: "source", limits: { connections: 50, connectionsPerAddress: 4 } },
      [
        "stick-table type ipv6 size 100k expire 30m store conn_cur peers peers:local",
        "stick on src",
        "tcp-request content track-sc0 src",
        "tcp-request content reject if { sc_conn_cur(0) gt 4 }",
        "tcp-request content reject if { be_conn gt 50 }",
      ],
    ],
    [
      { redirectToHttps: true, servers: [] },
      [
        "http-request redirect code 301 prefix https://%[req.hdr(host),host_only] if METH_GET || METH_HEAD",
        "http-request redirect code 308 prefix https://%[req.hdr(host),host_only]",
      ],
    ],
  ] as const)("renders %j", (change, lines) => {
    const plain = sectionOf(renderConfiguration([mapping({ mode: "http", ...change, ...PLAIN })]).text, "backend site");
    const section = sectionOf(renderConfiguration([mapping(change)]).text, "backend site");
    expect(section.filter((line) => !plain.includes(line) && !line.includes("X-Forwarded"))).toEqual(lines);
  });

  test("renders the proxy's own page, read only, without servers", () => {
    const { text } = renderConfiguration([mapping({ serves: "statistics", servers: [] })]);
    expect(sectionOf(text, "backend site")).toEqual([
      "mode http",
      "http-request use-service prometheus-exporter if { path /metrics }",
      "stats enable",
      "stats uri /",
      "stats refresh 10s",
      "stats hide-version",
    ]);
  });

  test("is one text whatever order the mappings come in", () => {
    const all = [mapping(), mapping({ name: "a", bindPort: 81 }), mapping({ name: "b", bindPort: 82 })];
    expect(renderConfiguration([...all].reverse())).toEqual(renderConfiguration(all));
  });

  test("has another digest for what only a reload can change, and the same for servers", () => {
    const digestOf = (change: Parameters<typeof mapping>[0]) => renderConfiguration([mapping(change)]).digest;
    const digest = digestOf({});
    expect(digestOf({ servers: [server({ weight: 7, state: "maint", address: "10.0.0.9" })] })).toBe(digest);
    const others = [
      { balance: "roundrobin" },
      { bindPort: 81 },
      { bindAddress: "192.0.2.10" },
      { mode: "tcp" },
      { hostnames: ["a.example"] },
      { pathPrefix: "/a" },
      { httpReuse: "safe" },
      { clientAddress: "none" },
      { clientAddress: "proxy-v2" },
      { acceptProxyFrom: ["10.0.0.0/8"] },
      { healthCheck: { type: "tcp", interSeconds: 5, rise: 2, fall: 3 } },
      { drainSeconds: 90 },
      { tls: tls({}) },
      { tls: tls({ minVersion: "TLSv1.3" }) },
      { tls: tls({ alpn: ["h2"] }) },
      { tls: tls({ clientCa: "a" }) },
      { tls: tls({ clientCa: "b" }) },
      { tls: tls({ certificates: [MARK, MARK] }) },
      { redirectToHttps: true },
      { affinity: "cookie" },
      { affinity: "source" },
      { limits: { connections: 5 } },
      { serves: "statistics" },
      { timeouts: { connectSeconds: 5, clientSeconds: 31, serverSeconds: 30 } },
      { timeouts: { connectSeconds: 5, clientSeconds: 30, serverSeconds: 31 } },
    ] as const;
    const digests = others.map((change) => digestOf(change));
    expect(new Set([digest, ...digests]).size).toBe(others.length + 1);
    // A certificate's content goes by the runtime API.
    const renewed = tls({ certificates: [{ ...MARK, fingerprint: "f".repeat(40) }] });
    expect(digestOf({ tls: renewed })).toBe(digestOf({ tls: tls({}) }));
  });
});

function linesOf(mappings: Parameters<typeof renderConfiguration>[0]): readonly string[] {
  const { files } = renderConfiguration(mappings);
  return files.flatMap(({ text }) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\S*\//, "")),
  );
}

function sectionOf(text: string, head: string): readonly string[] {
  const section = text.split("\n\n").find((part) => part.startsWith(`${head}\n`));
  return section!
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
}
