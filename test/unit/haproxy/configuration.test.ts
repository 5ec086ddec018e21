import { describe, expect, test } from "vitest";
import { renderConfiguration } from "../../../provider/haproxy/configuration.ts";
import { mapping, server } from "./fixtures.ts";

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
      { timeouts: { connectSeconds: 5, clientSeconds: 31, serverSeconds: 30 } },
      { timeouts: { connectSeconds: 5, clientSeconds: 30, serverSeconds: 31 } },
    ] as const;
    const digests = others.map((change) => digestOf(change));
    expect(new Set([digest, ...digests]).size).toBe(others.length + 1);
  });
});

function sectionOf(text: string, head: string): readonly string[] {
  const section = text.split("\n\n").find((part) => part.startsWith(`${head}\n`));
  return section!
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
}
