import { canonicalAddress } from "../haproxy/address.ts";
import { isAddress, isWord } from "../haproxy/allowed.ts";
import { renderAddress } from "../haproxy/mapping.ts";
import { shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown, UNKNOWN } from "../resource/unknown.ts";

type Given = Readonly<Record<string, unknown>>;

/** Endpoints and plain backends become one shape with every default decided; what is unknown stays so. */
export function normalizeBackends(given: unknown): {
  readonly backends: unknown;
  readonly failures: readonly Failure[];
} {
  if (isUnknown(given)) return { backends: UNKNOWN, failures: [] };
  if (!Array.isArray(given))
    return {
      backends: given,
      failures: [failure("", given === undefined ? "is missing" : `${shown(given)} is no list`)],
    };
  if (given.length === 0) return { backends: given, failures: [failure("", 'empty; for a pause set state "maint"')] };
  const backends = given.map((element: unknown) => (isObject(element) ? normalizeBackend(element) : element));
  const failures = given.flatMap((element: unknown, index) => [
    ...failuresOfBackend(index, element),
    ...repeated(index, backends),
  ]);
  return { backends, failures };
}

function normalizeBackend(element: Given): Given {
  const { hostPort } = element;
  const given = element["address"];
  const address = typeof given === "string" ? canonicalAddress(given) : given;
  const name = element["name"] ?? ([address, hostPort].some(isUnknown) ? UNKNOWN : nameOf(address, hostPort));
  return {
    name,
    address,
    hostPort,
    weight: element["weight"] ?? 100,
    state: element["state"] ?? "ready",
    ...agentOf(element),
  };
}

/** `NAME.key.address` of an endpoint: its host's responder knows the first two. */
function agentOf(element: Given): Given {
  const { name } = element;
  const responder = element["responder"];
  const port = isObject(responder) ? responder["hostPort"] : undefined;
  if (isUnknown(responder) || isUnknown(port) || (responder !== undefined && isUnknown(name)))
    return { agent: UNKNOWN };
  const send = typeof name === "string" ? /^[a-z][a-z0-9-]*\.[a-z][a-z0-9_-]*(?=\.)/.exec(name)?.[0] : undefined;
  return isPort(port) && send !== undefined ? { agent: { port, send } } : {};
}

/** HAProxy's names have no brackets, so an IPv6 address stands bare. */
function nameOf(address: unknown, hostPort: unknown): string {
  return `${String(address)}:${String(hostPort)}`;
}

function failuresOfBackend(index: number, element: unknown): readonly Failure[] {
  const at = `[${index}]`;
  if (isUnknown(element)) return [];
  if (!isObject(element)) return [failure(at, `${shown(element)} is neither an endpoint nor { address, hostPort }`)];
  const failures: Failure[] = [];
  const hold = (property: string, holds: (value: unknown) => boolean, reason: (value: unknown) => string) => {
    const value = element[property];
    if (!isUnknown(value) && !holds(value)) failures.push(failure(`${at}.${property}`, reason(value)));
  };
  if (element["protocol"] === "unix")
    return [failure(at, "a unix socket is reached on its own host only; give the service a tcp port")];
  hold("address", isText(isAddress), (value) =>
    value === undefined ? "is missing" : `${shown(value)} is no IP address; give the Host an address`,
  );
  hold("hostPort", isPort, (value) => (value === undefined ? "is missing" : `${shown(value)} is no port; 1 to 65535`));
  hold("name", (value) => value === undefined || isText(isWord)(value), notWord);
  hold(
    "weight",
    (value) => value === undefined || isWeight(value),
    (value) => `${shown(value)} is no weight; 0 to 256`,
  );
  hold(
    "state",
    (value) => value === undefined || ["ready", "drain", "maint"].includes(value as string),
    (value) => `${shown(value)} is none of "ready", "drain", "maint"`,
  );
  return failures;
}

/** Two server lines of one name would be two servers to the file and one to the socket. */
function repeated(index: number, backends: readonly unknown[]): readonly Failure[] {
  const mine = backends[index];
  if (!isObject(mine) || containsUnknown(mine)) return [];
  const earlier = backends.findIndex((other) => isObject(other) && other["name"] === mine["name"]);
  if (earlier === index) return [];
  const name = shown(mine["name"]);
  const other = backends[earlier] as Given;
  return [failure(`[${index}].name`, `${name} is backends[${earlier}] already (${addressOf(other)})`)];
}

function addressOf(backend: Given): string {
  return renderAddress(String(backend["address"]), Number(backend["hostPort"]));
}

function notWord(value: unknown): string {
  const odd = typeof value === "string" ? /[^A-Za-z0-9_.:-]/.exec(value)?.[0] : undefined;
  return odd !== undefined
    ? `${shown(odd)} is not allowed; use A-Z, a-z, 0-9 and "_.:-", at most 64`
    : `${shown(value)} is no name; 1 to 64 of A-Z, a-z, 0-9 and "_.:-"`;
}

function failure(at: string, reason: string): Failure {
  return { property: `backends${at}`, reason };
}

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(test: (text: string) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === "string" && test(value);
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65535;
}

function isWeight(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 256;
}
