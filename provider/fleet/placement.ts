import { createHash } from "node:crypto";

/** What placement knows of a host. */
export interface PlacedHost {
  readonly name: string;
  readonly slots: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Where members may be, and how they are spread. */
export interface Placement {
  /** Only hosts with all of these labels. */
  readonly labels?: Readonly<Record<string, string>>;
  /** At most so many on one host; default: its slots. */
  readonly maxPerHost?: number;
  /** A label: its values get equal shares, as far as their slots go. */
  readonly spreadBy?: string;
}

/** One member: the so-manieth on its host, from 1. */
export interface Seat {
  readonly host: string;
  readonly number: number;
}

/**
 * Chooses hosts for `replicas` members, purely from what is declared: a host gets its second member when all have one,
 * those with more free slots come first, and a hash of fleet and host decides where they are equal.
 *
 * All seats there are have one order, in which two seats stand as they do whatever other hosts there are, and the first
 * `replicas` are taken. So a host that comes takes over at most what it holds afterwards and moves nothing else, one
 * that goes moves its own members only, and the order of the list means nothing.
 */
export function place(
  fleet: string,
  hosts: readonly PlacedHost[],
  replicas: number,
  rules: Placement,
): readonly Seat[] {
  const groups = new Map<string, Ranked[]>();
  for (const host of eligible(hosts, rules)) {
    const group = rules.spreadBy === undefined ? "" : (host.labels[rules.spreadBy] ?? "");
    const seats = groups.get(group) ?? [];
    groups.set(group, seats);
    for (let number = 1; number <= capacity(host, rules); number += 1)
      seats.push({ host: host.name, number, free: host.slots - number, hash: hashOf(fleet, host.name) });
  }
  const all = [...groups].flatMap(([group, seats]) =>
    seats.sort(bySeat).map((seat, turn) => ({ ...seat, turn, group, groupHash: hashOf(fleet, group) })),
  );
  const isSpread = rules.spreadBy !== undefined;
  all.sort((a, b) => (isSpread ? a.turn - b.turn || compare(a.groupHash, b.groupHash) : bySeat(a, b)));
  return all.slice(0, replicas).map(({ host, number }) => ({ host, number }));
}

/** Hosts with the labels that are asked for. */
export function eligible<Host extends PlacedHost>(hosts: readonly Host[], rules: Placement): readonly Host[] {
  const wanted = Object.entries(rules.labels ?? {});
  return hosts.filter(({ labels }) => wanted.every(([label, value]) => labels[label] === value));
}

/** How many members a host may get. */
export function capacity(host: PlacedHost, rules: Placement): number {
  return Math.min(host.slots, rules.maxPerHost ?? host.slots);
}

interface Ranked extends Seat {
  readonly free: number;
  readonly hash: string;
}

function bySeat(a: Ranked, b: Ranked): number {
  return a.number - b.number || b.free - a.free || compare(a.hash, b.hash);
}

/** Several fleets over the same hosts do not all begin with the same one. */
function hashOf(fleet: string, name: string): string {
  return createHash("sha256").update(`${fleet}\0${name}`).digest("hex");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
