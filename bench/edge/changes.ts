import { progress } from "../../dev/progress.ts";
import { endAudited } from "../../test/support/audited-responder.ts";
import { get } from "../../test/support/http-get.ts";
import { type LoadCount, startLoad } from "../../test/support/load.ts";
import { seconds } from "../figures.ts";
import { backendOf, type Change, type MappedEdge } from "./site.ts";

export const REPEATS = 5;
export const REPLICAS = 20;
const MOVES_PORT = 8083;
const REPLICAS_PORT = 8085;
const WORKERS = { keepAlive: 2, fresh: 2 };

/** A change of one backend. */
export interface Moved extends Change {
  /** From the start of `pulumi up` to the first answer of the new server. */
  readonly toTraffic: number;
}

/** All replicas by others. */
export interface Replaced extends Change {
  readonly load: LoadCount;
}

/** `up` with one of two servers replaced by another, again and again. */
export async function measureMoves(mapped: MappedEdge): Promise<readonly Moved[]> {
  const url = `http://${mapped.edge.address}:${MOVES_PORT}/`;
  let [left, right] = await mapped.startResponders(2);
  const up = () => mapped.up({ moves: { bindPort: MOVES_PORT, backends: [left!, right!].map(backendOf) } });
  await up();
  const moves: Moved[] = [];
  for (let time = 0; time < REPEATS; time += 1) {
    const old = right!;
    [right] = await mapped.startResponders(1);
    [left, right] = [right, left];
    const begun = performance.now();
    const changed = up();
    let isOver = false;
    void changed.finally(() => {
      isOver = true;
    });
    const wanted = left!.name;
    let toTraffic = Number.NaN;
    while (Number.isNaN(toTraffic)) {
      if ((await get(url)).text === wanted) toTraffic = performance.now() - begun;
      else if (isOver && performance.now() - begun > 120_000) throw new Error(`${wanted} never answered`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    moves.push({ ...(await changed), toTraffic });
    await endAudited(old);
    progress(`one backend by another: traffic after ${seconds(toTraffic)}`);
  }
  return moves;
}

/** Twenty servers by twenty others under load: in one `up`, and in five of four each. */
export async function measureReplacements(mapped: MappedEdge, batch: number): Promise<Replaced> {
  const olds = await mapped.startResponders(REPLICAS);
  const up = (list: typeof olds) => mapped.up({ replicas: { bindPort: REPLICAS_PORT, backends: list.map(backendOf) } });
  await up(olds);
  const news = await mapped.startResponders(REPLICAS);
  const load = startLoad(`http://${mapped.edge.address}:${REPLICAS_PORT}/`, WORKERS);
  let [milliseconds, roundTrips] = [0, 0];
  for (let done = batch; done <= REPLICAS; done += batch) {
    const change = await up([...news.slice(0, done), ...olds.slice(done)]);
    milliseconds += change.milliseconds;
    roundTrips += change.roundTrips;
    // What the edge let go of ends at once: a request that came to it would fail.
    for (const old of olds.slice(done - batch, done)) await endAudited(old);
  }
  const count = await load.stop();
  for (const one of news) await endAudited(one);
  progress(`${REPLICAS} replicas by ${batch}: ${seconds(milliseconds)}, ${count.failed} of ${count.requests} failed`);
  return { milliseconds, roundTrips, load: count };
}
