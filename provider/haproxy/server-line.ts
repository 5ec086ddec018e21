import { renderAgent } from "./agent.ts";
import { allowed, allowedNumber, isAddress, isWord } from "./allowed.ts";
import { effectiveWeight, type Mapping, renderAddress, type Server } from "./mapping.ts";

/** The line of the file; a server in maintenance is there, and is not used. */
export function renderServerLine(mapping: Mapping, server: Server): string {
  const disabled = server.state === "maint" ? " disabled" : "";
  return `server ${renderServerArgs(mapping, server)}${disabled}`;
}

/**
 * What follows `server` in the file and `add server BACKEND/` at the socket. Every setting stands on the line itself:
 * `add server` ignores `default-server` (HAProxy management guide, 9.3).
 */
export function renderServerArgs(mapping: Mapping, server: Server): string {
  const address = renderAddress(allowed(isAddress, server.address), Number(allowedNumber(server.port, 1, 65535)));
  const weight = allowedNumber(effectiveWeight(server), 0, 256);
  return `${allowed(isWord, server.name)} ${address} weight ${weight} ${renderServerOptions(mapping)}${renderAgent(mapping, server)}`;
}

/** What all servers of a mapping have in common; the running proxy does not show it, so it is part of the digest. */
export function renderServerOptions(mapping: Mapping): string {
  const { interSeconds, rise, fall } = mapping.healthCheck;
  const check = [
    `check inter ${allowedNumber(interSeconds, 1, 3600)}s`,
    `rise ${allowedNumber(rise, 1, 100)}`,
    `fall ${allowedNumber(fall, 1, 100)}`,
  ].join(" ");
  return mapping.clientAddress === "proxy-v2" ? `${check} send-proxy-v2 check-send-proxy` : check;
}
