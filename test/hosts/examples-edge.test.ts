import { connect } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { certificateOf } from "../support/certificates.ts";
import { startResponder } from "../support/http-responder.ts";
import {
  changesSince,
  expectSuccess,
  fingerprints,
  hostsConfig,
  openSite,
  operations,
  type Site,
} from "../support/site.ts";
import { askByUdp } from "../support/udp-ask.ts";
import { startUdpResponder } from "../support/udp-responder.ts";

let site: Site;
let before: Awaited<ReturnType<typeof fingerprints>>;

beforeAll(async () => {
  site = await openSite("edge", ["edge", "back"], { directory: "examples/edge" });
  const back = site.host("back");
  await startResponder(back, 8080, "shop");
  await startResponder(back, 8081, "api");
  await startUdpResponder(back, 5300, "names");
  before = await fingerprints([site.host("edge")]);
  await configure(100, "shop");
  expectSuccess(await site.stack.up());
});
afterAll(() => site?.close());

it("serves six mappings of one program", async () => {
  const edge = site.host("edge").address;
  expect(await ask(edge, 443, "/")).toMatch(/shop \S+ https$/);
  expect(await ask(edge, 443, "/api/x")).toMatch(/api \S+ https$/);
  const redirect = await fetch(`http://${edge}/cart?id=1`, { redirect: "manual" });
  expect([redirect.status, redirect.headers.get("location")]).toEqual([301, `https://${edge}/cart?id=1`]);
  expect(await ask(edge, 993, "/", "mail.example")).toMatch(/shop \S+ https$/);
  expect(await askByUdp(edge, 53, 20)).toEqual({ [`names ${edge}`]: 20 });
});

it("tells in the preview how each change reaches what runs", async () => {
  await configure(40, "shop-renewed");
  const run = expectSuccess(await site.stack.up());
  expect(operations(run)).toEqual({ shop: "update", api: "update", names: "update" });
  expect(run.stdout).toContain("tls.certificates[0] by the runtime API");
  expect(run.stdout).toMatch(/weight 100 -> 40 by nftables/);
  expect(await ask(site.host("edge").address, 443, "/")).toMatch(/shop \S+ https$/);
});

it("leaves the edge as it was", async () => {
  expectSuccess(await site.stack.destroy());
  const changes = await changesSince(before, [site.host("edge")]);
  expect(changes.filter((line) => !line.includes("/run/pulumi-jail"))).toEqual([]);
});

async function configure(weight: number, certificate: "shop" | "shop-renewed"): Promise<void> {
  const [edge, back] = [site.host("edge").address, site.host("back").address];
  const pair = certificateOf(certificate);
  site.stack.configure({
    "pulumi-jail:hosts": hostsConfig(site.hosts),
    certificate: pair.certificate,
    servers: {
      shop: [{ address: back, hostPort: 8080 }],
      api: [{ address: back, hostPort: 8081 }],
      mail: [{ address: edge, hostPort: 443 }],
      names: [{ address: back, hostPort: 5300, weight }],
    },
  });
  expectSuccess(await site.stack.run(["config", "set-all", "--secret", `privateKey=${pair.privateKey}`], {}));
}

/** The last line of what comes over TLS for `shop.example`, whatever name the client asked the edge for. */
function ask(address: string, port: number, path: string, servername = "shop.example"): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port, servername, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    let text = "";
    socket.on("secureConnect", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`),
    );
    socket.on("data", (part: Buffer) => {
      text += part;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(text.trim()));
  });
}
