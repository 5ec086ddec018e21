import { createHash } from "node:crypto";

/** The ports that are allocated; below the kernel's ephemeral ports, above the band that is left for fixed ones. */
export const FIRST_ALLOCATED_PORT = 20128;
/** The last one that is allocated. */
export const LAST_ALLOCATED_PORT = 31999;

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
