/** In which steps a change goes over a fleet. */
export interface Waves {
  /** Members that come before all others; default 1, 0 for none. */
  readonly canary?: number;
  /** Members at a time after that, as a number or as a share of all members, rounded up; default "25%". */
  readonly batch?: number | `${number}%`;
}

/** Members in the order of the rollout, cut into waves; each wave waits for the one before. */
export function wavesOf<Member>(members: readonly Member[], { canary = 1, batch = "25%" }: Waves): readonly Member[][] {
  const size = batchSize(batch, members.length);
  const waves = canary > 0 && members.length > 0 ? [members.slice(0, canary)] : [];
  for (let at = canary; at < members.length; at += size) waves.push(members.slice(at, at + size));
  return waves;
}

/**
 * What each member waits for, by wave: all of the wave before. After a wave of more than `MOST_EDGES` only the first one
 * of the next waits for all of it, and the others for that one: as many edges as members where there would be their
 * product, some 200,000 for a fleet of 1,000, all of them in the state.
 */
export function dependenciesOf<Member>(waves: readonly (readonly Member[])[]): ReadonlyMap<Member, readonly Member[]> {
  const waits = new Map<Member, readonly Member[]>();
  for (const [index, wave] of waves.entries()) {
    const before = waves[index - 1] ?? [];
    for (const [at, member] of wave.entries())
      waits.set(member, at === 0 || before.length <= MOST_EDGES ? before : wave.slice(0, 1));
  }
  return waits;
}

/** Of one member to the wave before. */
export const MOST_EDGES = 32;

/** Never less than one. */
export function batchSize(batch: number | `${number}%`, members: number): number {
  const count = typeof batch === "number" ? batch : Math.ceil((members * Number.parseFloat(batch)) / 100);
  return Math.max(1, count);
}

/** In the order of the rollout: every host's first member before any host's second, hosts as they are listed. */
export function rolloutOrder<Seat extends { readonly host: string; readonly number: number }>(
  seats: readonly Seat[],
  hosts: readonly string[],
): readonly Seat[] {
  return seats.toSorted((a, b) => a.number - b.number || hosts.indexOf(a.host) - hosts.indexOf(b.host));
}
