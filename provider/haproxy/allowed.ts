import { familyOf } from "./address.ts";

/**
 * What may ever stand in a line of the configuration or a command of the runtime socket. `haproxy -c` accepts sections
 * that a newline injected, a `#` ends a line and the socket splits at `;`: validity is no defence, so only these pass.
 */
const WORD = /^[A-Za-z0-9_.:-]{1,64}$/;
const PATH = /^\/[A-Za-z0-9_.:/~=&?+%-]{0,255}$/;
const PREFIX = /^(\/[A-Za-z0-9_.:~=&+%-]{1,64}){1,8}$/;
const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){0,16}$/;
const STATUS = /^[1-5][0-9]{2}(-[1-5][0-9]{2})?(,[1-5][0-9]{2}(-[1-5][0-9]{2})?){0,7}$/;

export function isWord(text: string): boolean {
  return WORD.test(text);
}

/** A request path of a health check. */
export function isCheckPath(text: string): boolean {
  return PATH.test(text);
}

/** `/api` or `/a/b`: whole parts, no slash at the end. */
export function isPathPrefix(text: string): boolean {
  return PREFIX.test(text);
}

export function isHostname(text: string): boolean {
  return HOSTNAME.test(text) && text.length <= 253;
}

/** A hostname, or `*.` and one. */
export function isCertificateName(text: string): boolean {
  return isHostname(text.replace(/^\*\./, ""));
}

export function isStatusRange(text: string): boolean {
  return STATUS.test(text);
}

/** An address as the kernel knows it: no name to resolve, no zone. */
export function isAddress(text: string): boolean {
  return familyOf(text) !== undefined && WORD.test(text);
}

export function isCidr(text: string): boolean {
  const [address = "", bits = "", ...rest] = text.split("/");
  const family = familyOf(address);
  return (
    rest.length === 0 &&
    family !== undefined &&
    WORD.test(address) &&
    /^\d{1,3}$/.test(bits) &&
    Number(bits) <= (family === 4 ? 32 : 128)
  );
}

/** The last gate before a line is written: what check let through by mistake ends here. */
export function allowed(test: (text: string) => boolean, text: string): string {
  if (!test(text)) throw new Error(`${JSON.stringify(text).slice(0, 60)} is not allowed in the proxy's configuration`);
  return text;
}

/** A number as the configuration takes it, within bounds. */
export function allowedNumber(value: number, least: number, most: number): string {
  if (!Number.isInteger(value) || value < least || value > most)
    throw new Error(`${value} is not allowed in the proxy's configuration; ${least} to ${most}`);
  return String(value);
}
