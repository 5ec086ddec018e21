import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderConfiguration } from "../../../provider/haproxy/configuration.ts";
import { parseFragment, renderFragment } from "../../../provider/haproxy/fragment.ts";
import type { Mapping } from "../../../provider/haproxy/mapping.ts";
import { planRuntime } from "../../../provider/haproxy/runtime.ts";
import { checkPortMapping } from "../../../provider/port-mapping/check.ts";
import { mappingOf } from "../../../provider/port-mapping/desired.ts";
import { certificateOf } from "../../support/certificates.ts";
import { mapping, server } from "./fixtures.ts";

const TLS = {
  certificates: [{ sha256: "a".repeat(64), fingerprint: "b".repeat(40), names: ["shop.example"] }],
  minVersion: "TLSv1.2",
  alpn: ["h2"],
  clientCa: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
} as const;
const CERTIFICATE = certificateOf("shop");

/** Text that breaks out where it can, between the harmless pieces that it hides in. */
const nasty = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\n",
        ";",
        " ",
        "#",
        "\\",
        '"',
        "'",
        "$",
        "%",
        "{",
        "}",
        "\0",
        "\r",
        "\t",
        "\u2028",
        "/",
        "..",
        "-",
        ":",
      ),
      fc.constantFrom("backend evil", "server evil 203.0.113.9:80", "web1", "10.0.0.4", "shop.example", "/api", "200"),
      fc.string({ maxLength: 6 }),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(""));

/** Every field which takes a text, by how it gets into a program. */
const fields: Readonly<Record<string, (text: string) => object>> = {
  mappingName: (text) => ({ mappingName: text }),
  bindAddress: (text) => ({ bindAddress: text }),
  hostname: (text) => ({ hostnames: [text] }),
  pathPrefix: (text) => ({ pathPrefix: text }),
  acceptProxyFrom: (text) => ({ acceptProxyFrom: [text] }),
  checkPath: (text) => ({ healthCheck: { path: text } }),
  expectStatus: (text) => ({ healthCheck: { path: "/", expectStatus: text } }),
  serverName: (text) => ({ backends: [{ address: "10.0.0.4", hostPort: 80, name: text }] }),
  serverAddress: (text) => ({ backends: [{ address: text, hostPort: 80, name: "web1" }] }),
  serverPort: (text) => ({ backends: [{ address: "10.0.0.4", hostPort: text, name: "web1" }] }),
  serverWeight: (text) => ({ backends: [{ address: "10.0.0.4", hostPort: 80, name: "web1", weight: text }] }),
  serverState: (text) => ({ backends: [{ address: "10.0.0.4", hostPort: 80, name: "web1", state: text }] }),
  mode: (text) => ({ mode: text }),
  balance: (text) => ({ balance: text }),
  clientAddress: (text) => ({ clientAddress: text }),
  httpReuse: (text) => ({ httpReuse: text }),
  limit: (text) => ({ limits: { connections: text } }),
  affinity: (text) => ({ affinity: text }),
  alpn: (text) => ({ tls: { certificates: [CERTIFICATE], alpn: [text] } }),
  minVersion: (text) => ({ tls: { certificates: [CERTIFICATE], minVersion: text } }),
  drainSeconds: (text) => ({ drainSeconds: text }),
};

describe("a text of the user's", () => {
  test.each(Object.keys(fields))("is refused or adds no line, section, command or word: %s", (field) => {
    let refused = 0;
    let passed = 0;
    fc.assert(
      fc.property(nasty, (text) => {
        const given = {
          connection: { host: "192.0.2.10" },
          __jail: { name: "site" },
          bindPort: 80,
          mode: "http",
          backends: [{ address: "10.0.0.4", hostPort: 80, name: "web1" }],
          ...fields[field]!(text),
        };
        const { inputs, failures } = checkPortMapping(undefined, given);
        if (failures.length > 0) {
          refused++;
          return;
        }
        passed++;
        expectPlain(mappingOf(inputs));
      }),
      { numRuns: 600 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(refused + passed).toBe(600);
  });

  test("that got past check still reaches no line", () => {
    const slip: readonly Partial<Mapping>[] = [
      { name: "a\nbackend evil" },
      { bindAddress: "10.0.0.1:1 #" },
      { hostnames: ["a.example b.example"] },
      { pathPrefix: "/a }" },
      { acceptProxyFrom: ["10.0.0.0/8 } accept"] },
      { healthCheck: { type: "http", path: "/ #", interSeconds: 2, rise: 2, fall: 3 } },
      { balance: "roundrobin\nbackend evil" as "roundrobin" },
      { tls: { ...TLS, minVersion: "TLSv1.2\n" as "TLSv1.2", alpn: [] } },
      { tls: { ...TLS, alpn: ["h2]\n/etc/shadow ["] } },
      { tls: { ...TLS, certificates: [{ ...TLS.certificates[0], names: ["a.example\n/etc/shadow"] }] } },
      { limits: { connections: "5 }\n" as unknown as number } },
      { drainSeconds: "5s\nuser root" as unknown as number },
      { servers: [server({ name: "web1 203.0.113.9:80 #" })] },
      { servers: [server({ address: "203.0.113.9:80 #" })] },
      { servers: [server({ weight: "1\n" as unknown as number })] },
    ];
    for (const change of slip) expect(() => renderConfiguration([mapping(change)])).toThrow("not allowed");
    expect(() =>
      planRuntime(mapping({ servers: [server({ name: "a;set server b/c state maint" })] }), new Map()),
    ).toThrow();
  });

  test("that somebody wrote into a fragment makes it unreadable", () => {
    const owner = { organization: "o", project: "p", stack: "s", urn: "u", claim: "c" };
    const text = renderFragment({ owner, mapping: mapping() });
    expect(parseFragment(text)).toEqual({ owner, mapping: mapping() });
    const rich = mapping({
      tls: TLS,
      redirectToHttps: true,
      affinity: "cookie",
      limits: { connections: 5, connectionsPerAddress: 2, requestsPerSecondPerAddress: 9 },
      serves: "statistics",
    });
    const richText = renderFragment({ owner, mapping: rich });
    expect(parseFragment(richText)).toEqual({ owner, mapping: rich });
    expect(parseFragment(richText.replace('"h2"', '"h2]"'))).toBeUndefined();
    expect(parseFragment(richText.replace("b".repeat(40), "../x"))).toBeUndefined();
    expect(parseFragment(text.replace('"web1"', '"web1 203.0.113.9:80 #"'))).toBeUndefined();
    expect(parseFragment(text.replace('"site"', '"site\\nbackend evil"'))).toBeUndefined();
    expect(parseFragment(text.replace('"schema":1', '"schema":2'))).toBeUndefined();
    expect(parseFragment(text.replace('"hostnames"', '"later":1,"hostnames"'))).toBeUndefined();
  });
});

/** As many sections, lines, words and commands as the same mapping with harmless texts has. */
function expectPlain(given: Mapping): void {
  const text = renderConfiguration([given]).text;
  const sections = text.split("\n").filter((line) => /^[a-z]/.test(line));
  expect(sections.map((line) => line.split(" ")[0])).toEqual(["global", "defaults", "frontend", "backend"]);
  expect(text.match(/^ {4}server /gm)).toHaveLength(1);
  expect(
    text
      .match(/^ {4}server .*$/m)![0]
      .split(" ")
      .slice(0, 12),
  ).toHaveLength(12);
  expect(text).not.toMatch(/[^\n\x20-\x7e]|["'\\;]|evil 203/);
  expect(text.match(/#/g)).toHaveLength(1);
  for (const command of planRuntime(given, new Map()).admit) expect(command).toMatch(/^[\w.:/[\] -]+$/);
  expect(
    parseFragment(
      renderFragment({ owner: { organization: "", project: "", stack: "", urn: "", claim: "" }, mapping: given }),
    ),
  ).toBeDefined();
}
