import { setTimeout as sleep } from "node:timers/promises";
import type { TestHost } from "../../dev/hosts/index.ts";
import type { Site } from "../site.ts";
import { bareApache, startApacheIn, writePage } from "./bare-apache.ts";
import { openNamespaceAway, openNamespaceBeside } from "./namespace.ts";
import { startUnhardened } from "./unhardened.ts";

/** One way to serve the example's page. */
export interface Way {
  readonly name: string;
  readonly url: string;
  /** Where the server that the URL names runs, and as which unit: its processor time is counted. */
  readonly host: TestHost;
  readonly unitName: string;
}

/** The ways, by what the report says of them. */
export interface Ways {
  readonly bare: Way;
  readonly routed: Way;
  readonly unhardened: Way;
  readonly jail: Way;
  readonly edge: Way;
}

/** Any free port: the ways made by hand have port maps of their own. */
const HAND_PORT = 19_080;

/** Sets up every way and sees each serve the page. `stop` ends what was started on the example's hosts. */
export async function openWays(site: Site): Promise<{ readonly ways: Ways; stop(): Promise<void> }> {
  const [bare, routed] = [await site.extraHost("bare"), await site.extraHost("routed")];
  const [web, edge] = [site.hosts.host("web1"), site.hosts.host("edge")];
  const { url, unitName } = jailedService(site);
  const page = await (await fetch(url)).text();
  for (const host of [bare, routed]) {
    await bareApache(host);
    await writePage(host, page);
  }
  const away = await openNamespaceAway(routed, HAND_PORT, web);
  await startApacheIn(routed, away.name);
  const near = await openNamespaceBeside(web, HAND_PORT);
  const beside = await startUnhardened(web, unitName, near.name);
  const at = (host: TestHost): string => `http://${host.address}:${HAND_PORT}/`;
  const apache = "apache2.service";
  const ways: Ways = {
    bare: { name: "Apache bare on a host", url: `http://${bare.address}/`, host: bare, unitName: apache },
    routed: { name: "bare, behind veth and port map", url: at(routed), host: routed, unitName: apache },
    unhardened: { name: "the jail, not hardened", url: at(web), host: web, unitName: beside.unitName },
    jail: { name: "in the jail", url, host: web, unitName },
    edge: {
      ...{ name: "through the edge, two jails", url: String((await site.stack.outputs())["url"]) },
      ...{ host: edge, unitName: "pulumi-jail-edge.service" },
    },
  };
  for (const way of Object.values(ways) as Way[]) await expectPage(way, page);
  const stop = async (): Promise<void> => {
    await beside.stop();
    await near.close();
  };
  return { ways, stop };
}

/** A way that serves an error page fast would win. */
async function expectPage({ name, url }: Way, page: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
    if (answer?.status === 200) {
      const text = await answer.text();
      // The edge may answer from the other web host, whose page has the same length.
      if (text.length === page.length) return;
      throw new Error(`${name}: ${url} serves another page: ${text.slice(0, 200)}`);
    }
    if (Date.now() > deadline) throw new Error(`${name}: ${url} does not serve: ${answer?.status ?? "no answer"}`);
    await sleep(200);
  }
}

function jailedService(site: Site): { readonly url: string; readonly unitName: string } {
  const outputs = site.stack
    .resources()
    .filter(({ urn }) => urn.includes("web-web1"))
    .map((resource) => resource.outputs ?? {});
  const endpoint = outputs
    .map(({ endpoints }) => (endpoints as { http?: { address: string; hostPort: number } } | undefined)?.http)
    .find((http) => typeof http?.hostPort === "number");
  const unitName = outputs.map((output) => output["unitName"]).find((name) => typeof name === "string");
  if (endpoint === undefined || unitName === undefined) throw new Error("the service on web1 has no endpoint or unit");
  return { url: `http://${endpoint.address}:${endpoint.hostPort}/`, unitName: String(unitName) };
}
