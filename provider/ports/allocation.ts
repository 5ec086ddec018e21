import { createHash } from "node:crypto";

/** The first port of ours. All from here on lies below the kernel's ephemeral ports, and is reserved from them besides. */
export const FIRST_RESERVED_PORT = 20000;
/** The last one that is allocated. */
export const LAST_ALLOCATED_PORT = 31999;
/** So many at the low end are never allocated: a place for fixed ports that nothing of ours can take meanwhile. */
export const STATIC_BAND = staticBand(LAST_ALLOCATED_PORT - FIRST_RESERVED_PORT + 1);
/** The first that is allocated, behind the static band: 20128. */
export const FIRST_ALLOCATED_PORT = FIRST_RESERVED_PORT + STATIC_BAND;

/**
 * Where probing for a free port starts: a hash of service and key, so that the same service gets the same port on every
 * fresh host. The choice itself is made on the host under its lock, past all that is taken there.
 */
export function startPort(serviceName: string, key: string): number {
  const digest = createHash("sha256").update(`${serviceName}\0${key}`).digest();
  return FIRST_ALLOCATED_PORT + (digest.readUInt32BE(0) % (LAST_ALLOCATED_PORT - FIRST_ALLOCATED_PORT + 1));
}

/** Whether users may not fix this port. */
export function isAllocatedPort(port: number): boolean {
  return port >= FIRST_ALLOCATED_PORT && port <= LAST_ALLOCATED_PORT;
}

/** How wide the static band of a range of `n` is, as Kubernetes divides its node ports (KEP-3668). */
function staticBand(n: number): number {
  return Math.min(Math.max(16, Math.floor(n / 32)), 128);
}
