import { describe, expect, test } from "vitest";
import { EDGE_CERTIFICATES } from "../../provider/haproxy/paths.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../../provider/port-mapping/inputs.ts";
import { portMappingKind } from "../../provider/port-mapping/lifecycle.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { certificateOf } from "../support/certificates.ts";
import { createFakeEdge, type FakeEdge } from "../support/fake-edge.ts";

type State = PortMappingInputs & PortMappingOutputs;

const CONNECTION = { name: "edge", host: "192.0.2.10", port: 22, user: "root", sudo: false, hostKey: "ssh-ed25519 A" };
const WEB1 = { name: "web1", address: "10.0.0.4", hostPort: 20128 };
const WEB2 = { name: "web2", address: "10.0.0.5", hostPort: 20128 };

describe("options of a hostname that two mappings share", () => {
  test("are refused when they differ, and nothing changes", async () => {
    const host = createFakeEdge();
    await up(host, "shop", shop());
    const before = host.snapshot();
    const other = { ...shop({ minVersion: "TLSv1.3" }), pathPrefix: "/api" };
    await expect(up(host, "api", other)).rejects.toThrow(
      'mapping "api" is refused: shop.example on bind *:443 has tls.minVersion TLSv1.2 by mapping "shop", not TLSv1.3; who shares it gives the same; it belongs to urn:pulumi:dev::p::t::shop',
    );
    await expect(up(host, "api", { ...shop(), pathPrefix: "/api", acceptProxyFrom: ["10.0.0.0/8"] })).rejects.toThrow(
      'bind *:443 has acceptProxyFrom none by mapping "shop", not 10.0.0.0/8',
    );
    expect(host.snapshot()).toEqual(before);
    await up(host, "api", { ...shop(), pathPrefix: "/api" });
  });

  test("change one after the other, told, and the stricter holds meanwhile", async () => {
    const host = createFakeEdge();
    const first = await up(host, "shop", shop());
    const second = await up(host, "api", { ...shop(), pathPrefix: "/api" });
    const warnings: string[] = [];
    const now = await up(host, "shop", shop({ minVersion: "TLSv1.3" }), first, { warnings });
    expect(warnings).toEqual([
      'shop.example on bind *:443 has tls.minVersion TLSv1.2 by mapping "api", not TLSv1.3; who shares it gives the same; meanwhile the stricter holds for both',
    ]);
    expect(listOf(host)).toEqual(["TLSv1.3", "TLSv1.3"]);
    const last = await up(host, "shop", { ...shop({ minVersion: "TLSv1.3" }), balance: "roundrobin" }, now);
    await up(host, "api", { ...shop({ minVersion: "TLSv1.3" }), pathPrefix: "/api" }, second, { warnings });
    expect(warnings.length).toBe(1);
    expect(await drift(host, "shop", last)).toEqual([]);
  });

  test("of another stack stay as both gave them", async () => {
    const host = createFakeEdge();
    const first = await up(host, "shop", shop());
    await up(host, "api", { ...shop(), pathPrefix: "/api" }, undefined, { stack: "other" });
    await expect(up(host, "shop", shop({ minVersion: "TLSv1.3" }), first)).rejects.toThrow(
      'mapping "shop" is refused: shop.example on bind *:443 has tls.minVersion TLSv1.2 by mapping "api", not TLSv1.3',
    );
  });
});

describe("a mapping whose certificate is lost", () => {
  const poison = [
    ["gone", (host: FakeEdge) => host.state.files.delete(`${EDGE_CERTIFICATES}/wiki.0.pem`)],
    ["spoilt", (host: FakeEdge) => spoil(host, `${EDGE_CERTIFICATES}/wiki.0.pem`)],
  ] as const;

  test.each(poison)("(%s) is served on while others change by the runtime API", async (_, act) => {
    const { host, site, wiki } = await both();
    act(host);
    const next = await up(host, "shop", { ...shop(), backends: [WEB1, WEB2] }, site);
    expect(next.lastChange.by).toBe("runtime-api");
    expect(host.edge.workers).toBe(2);
    expect(await drift(host, "shop", next)).toEqual([]);
    expect((await drift(host, "wiki", wiki))[0]).toMatch(/^wiki\.0\.pem (is gone|changed)$/);
  });

  test.each(poison)(
    "(%s) is left out, told, when a new worker has to do without it, and comes back by its own up",
    async (_, act) => {
      const { host, site, wiki } = await both();
      act(host);
      const warnings: string[] = [];
      const next = await up(host, "shop", { ...shop(), balance: "roundrobin" }, site, { warnings });
      expect(next.lastChange.by).toBe("reload");
      expect(warnings).toEqual([
        "wiki.0.pem on this edge is lost or spoilt: what needs it is left out until its own mapping's up brings it back",
      ]);
      expect(listOf(host)).toEqual(["TLSv1.2"]);
      expect(await drift(host, "shop", next)).toEqual([]);
      const plain = await up(host, "plain", { bindPort: 80, backends: [WEB1] });
      await portMappingKind.remove(callOf(host, plain.claim, "plain"), plain);
      const back = await up(host, "wiki", WIKI, wiki);
      expect(listOf(host)).toEqual(["TLSv1.2", "TLSv1.2"]);
      expect(await drift(host, "wiki", back)).toEqual([]);
      expect(await drift(host, "shop", next)).toEqual([]);
    },
  );

  async function both() {
    const host = createFakeEdge();
    const site = await up(host, "shop", shop());
    return { host, site, wiki: await up(host, "wiki", WIKI) };
  }
});

const WIKI = {
  bindPort: 443,
  hostnames: ["wiki.example"],
  tls: { certificates: [certificateOf("wiki")] },
  backends: [WEB2],
};

function shop(tls: object = {}): object {
  return {
    bindPort: 443,
    hostnames: ["shop.example"],
    tls: { certificates: [certificateOf("shop")], ...tls },
    backends: [WEB1],
  };
}

interface Who {
  readonly stack?: string;
  readonly warnings?: string[];
}

async function up(host: FakeEdge, name: string, given: object, state?: State, who: Who = {}): Promise<State> {
  const call = callOf(host, state?.claim ?? `claim-of-${name}`, name, who);
  const { inputs, failures } = portMappingKind.check(undefined, {
    connection: CONNECTION,
    __jail: { name },
    mode: "http",
    ...given,
  });
  expect(failures).toEqual([]);
  return { ...inputs, ...(await portMappingKind.converge(call, inputs, state)) };
}

async function drift(host: FakeEdge, name: string, state: State): Promise<readonly string[]> {
  return (await portMappingKind.read(callOf(host, state.claim, name), state))!.drift;
}

function callOf(host: FakeEdge, claim: string, name: string, { stack = "dev", warnings = [] }: Who = {}): Call {
  return {
    host,
    progress: () => {},
    warn: (text) => warnings.push(text),
    owner: { organization: "organization", project: "p", stack, urn: `urn:pulumi:${stack}::p::t::${name}`, claim },
    deadlineSeconds: 600,
    hostFor: () => host,
  };
}

function spoil(host: FakeEdge, path: string): void {
  host.state.files.set(path, { ...host.state.files.get(path)!, content: "garbage\n" });
}

/** Versions in the list of the one bind. */
function listOf(host: FakeEdge): readonly string[] {
  const text = host.state.files.get(`${EDGE_CERTIFICATES}/bind_any_443.list`)?.content ?? "";
  return [...text.matchAll(/ssl-min-ver (\S+)\]/g)].map(([, version]) => version!);
}
