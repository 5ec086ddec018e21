import { progress } from "../../dev/progress.ts";
import { endAudited } from "../../test/support/audited-responder.ts";
import { get } from "../../test/support/http-get.ts";
import { seconds } from "../figures.ts";
import type { Site } from "../site.ts";
import { backendOf, type MappedEdge } from "./site.ts";

const BIND_PORT = 8084;
const EVERY_MS = 10;
/** Longer than checks take to notice, so that all that a fault does is seen. */
const WATCHED_MS = 20_000;

/** What clients saw of a fault. */
export interface Failover {
  readonly asked: number;
  readonly failed: number;
  /** The longest that a GET took. */
  readonly longest: number;
  /** From the fault to the end of the last GET that took longer than SLOW_MS. */
  readonly slowFor: number;
}

export const SLOW_MS = 500;

/** One of two servers dies; its host stays. */
export async function measureKill(mapped: MappedEdge): Promise<Failover> {
  const [stays, goes] = await mapped.startResponders(2);
  await mapped.up({ failover: { bindPort: BIND_PORT, backends: [stays!, goes!].map(backendOf) } });
  const found = await watch(mapped, () => endAudited(goes!, "KILL"));
  await endAudited(stays!);
  return told("kill -9 of one of two servers", found);
}

/** The host of one of two servers falls silent: nothing refuses a connection. */
export async function measureSilence(site: Site, mapped: MappedEdge): Promise<Failover> {
  const [stays, goes] = await mapped.startResponders(2);
  await mapped.up({ failover: { bindPort: BIND_PORT, backends: [stays!, goes!].map(backendOf) } });
  const host = site.hosts.host(goes!.host.name);
  const found = await watch(mapped, () => host.partition());
  await host.heal();
  await endAudited(stays!);
  await endAudited(goes!);
  return told("the host of one of two servers falls silent", found);
}

/** A GET on a new connection every 10 ms, answered or not. */
async function watch(mapped: MappedEdge, act: () => Promise<void>): Promise<Failover> {
  const url = `http://${mapped.edge.address}:${BIND_PORT}/`;
  const asked: Promise<{ readonly ended: number; readonly took: number; readonly isFailed: boolean }>[] = [];
  const timer = setInterval(() => asked.push(once(url)), EVERY_MS);
  await pause(1_000);
  await act();
  const fault = performance.now();
  await pause(WATCHED_MS);
  clearInterval(timer);
  const answers = await Promise.all(asked);
  const slow = answers.filter(({ took, ended }) => took > SLOW_MS && ended > fault);
  return {
    asked: answers.length,
    failed: answers.filter(({ isFailed }) => isFailed).length,
    longest: Math.max(...answers.map(({ took }) => took)),
    slowFor: Math.max(0, ...slow.map(({ ended }) => ended - fault)),
  };
}

async function once(url: string) {
  const begun = performance.now();
  const { status } = await get(url);
  const ended = performance.now();
  return { ended, took: ended - begun, isFailed: status !== 200 };
}

function told(what: string, found: Failover): Failover {
  progress(`${what}: ${found.failed} of ${found.asked} failed, the longest took ${seconds(found.longest)}`);
  return found;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
