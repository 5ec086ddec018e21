import { type Fleet, HOSTS, type Wire } from "./fleet.ts";

/** Milliseconds of an `up` by how many hosts get their jail in it. */
export interface Times {
  readonly none: readonly number[];
  readonly one: readonly number[];
  readonly all: readonly number[];
}

/** What one kind of fleet needs for a jail's first build, and for another one of the same packages. */
export interface Measured {
  readonly first: Times;
  readonly second: Times;
  /** Of the first host, while it alone got its jail. */
  readonly wire: { readonly first: Wire; readonly second: Wire };
  /** Files that the second jails added to the stores of all hosts. */
  readonly added: number;
}

/** One host alone, then all at once, from the same state each time; leaves nothing on the hosts. */
export async function measureFleet(fleet: Fleet, rounds: number): Promise<Measured> {
  // The very first run makes the stack.
  await fleet.up(0, 0);
  const none = await fleet.up(0, 0);
  const alone = await counted(fleet, () => fleet.up(1, 0));
  await fleet.up(0, 0);
  const first = { none: [none], one: [alone.took], all: [await fleet.up(HOSTS, 0)] };
  const before = await storeFiles(fleet);
  const second = { none: [] as number[], one: [] as number[], all: [] as number[] };
  let wire: Wire | undefined;
  for (let round = 0; round < rounds; round += 1) {
    second.none.push(await fleet.up(HOSTS, 0));
    const one = await counted(fleet, () => fleet.up(HOSTS, 1));
    wire ??= one.wire;
    second.one.push(one.took);
    await fleet.up(HOSTS, 0);
    second.all.push(await fleet.up(HOSTS, HOSTS));
    if (round + 1 < rounds) await fleet.up(HOSTS, 0);
  }
  const added = (await storeFiles(fleet)) - before;
  await fleet.up(0, 0);
  return { first, second, wire: { first: alone.wire, second: wire as Wire }, added };
}

async function counted(
  fleet: Fleet,
  run: () => Promise<number>,
): Promise<{ readonly took: number; readonly wire: Wire }> {
  const before = await fleet.wire();
  const took = await run();
  const after = await fleet.wire();
  const wire = {
    roundTrips: after.roundTrips - before.roundTrips,
    sent: after.sent - before.sent,
    received: after.received - before.received,
  };
  return { took, wire };
}

async function storeFiles({ hosts }: Fleet): Promise<number> {
  const counts = hosts.map(async (host) =>
    Number((await host.exec(["sh", "-c", "find /var/lib/pulumi-jail/store -type f | wc -l"])).stdout),
  );
  return (await Promise.all(counts)).reduce((sum, files) => sum + files, 0);
}
