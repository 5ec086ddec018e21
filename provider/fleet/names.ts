import type { Seat } from "./placement.ts";

/** A member's Pulumi name, and with it the name of its service on the host. */
export function memberName(fleet: string, { host, number }: Seat): string {
  return `${fleet}-${host}-${number}`;
}

/** All members of a host share one jail. */
export function jailNameOn(fleet: string, host: string): string {
  return `${fleet}-${host}`;
}
