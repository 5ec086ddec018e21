import * as v from "valibot";
import type { Connection } from "../host/connection.ts";
import { failuresOf, known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { isUnknown, UNKNOWN } from "../resource/unknown.ts";
import { hostKeysFor } from "./known-hosts.ts";

/** A connection as the engine passes it: plain values, or the unknown at any depth. */
type Given = Readonly<Record<string, unknown>>;

/**
 * Checks a connection and fills in what is known offline: defaults, and `knownHosts` folded into `hostKey`. Every hop
 * has to be pinned. What is unknown stays so.
 */
export function checkConnection(
  given: unknown,
  path = "connection",
): { readonly connection: Connection; readonly failures: readonly Failure[] } {
  if (isUnknown(given)) return { connection: UNKNOWN as unknown as Connection, failures: [] };
  if (typeof given !== "object" || given === null)
    return {
      connection: given as unknown as Connection,
      failures: [{ property: path, reason: "is missing; give a Host or connection arguments" }],
    };
  const fields = given as Given;
  const failures = failuresOf(schema, fields).map((failure) => ({
    ...failure,
    property: `${path}.${failure.property}`,
  }));
  const port = fields["port"] ?? 22;
  const user = fields["user"] ?? "root";
  const hostKey = foldHostKey(fields, port);
  if (hostKey === undefined && failures.every((failure) => failure.property !== `${path}.hostKey`))
    failures.push({ property: `${path}.hostKey`, reason: missingKey(fields) });
  const hop = fields["proxy"] === undefined ? undefined : checkConnection(fields["proxy"], `${path}.proxy`);
  const connection = {
    ...fields,
    port,
    user,
    sudo: fields["sudo"] ?? (isUnknown(user) ? UNKNOWN : user !== "root"),
    hostKey,
    dialErrorLimit: fields["dialErrorLimit"] ?? 10,
    perDialTimeout: fields["perDialTimeout"] ?? 15,
    knownHosts: undefined,
    proxy: hop?.connection,
  };
  return { connection: connection as unknown as Connection, failures: [...failures, ...(hop?.failures ?? [])] };
}

function foldHostKey(fields: Given, port: unknown): unknown {
  const { host, hostKey, knownHosts } = fields;
  if (isUnknown(hostKey)) return UNKNOWN;
  if (typeof hostKey === "string" && hostKey.trim() !== "") return normalizeKeys(hostKey);
  if (knownHosts === undefined) return undefined;
  if ([host, knownHosts, port].some(isUnknown)) return UNKNOWN;
  const keys = hostKeysFor(String(knownHosts), String(host), Number(port));
  return keys.length > 0 ? keys.join("\n") : undefined;
}

/** Comments behind a key are dropped, so that they never make a diff. */
function normalizeKeys(lines: string): string {
  return lines
    .split("\n")
    .map((line) => line.trim().split(/\s+/).slice(0, 2).join(" "))
    .filter((line) => line !== "")
    .join("\n");
}

function missingKey(fields: Given): string {
  const name = shownName(fields["name"] ?? fields["host"]);
  return fields["knownHosts"] === undefined
    ? `${name} has no host key; set hostKey or knownHosts`
    : `knownHosts holds no key of ${name}`;
}

function shownName(name: unknown): string {
  return typeof name === "string" && !isUnknown(name) ? name : "the host";
}

const hostKeyLine =
  /^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)|rsa-sha2-(256|512)|ssh-rsa) [A-Za-z0-9+/]+={0,2}( .*)?$/;

const fields = {
  host: known(
    v.pipe(
      text(),
      v.regex(/^[A-Za-z0-9_.:%-]{1,253}$/, (issue) => `${shown(issue.input)} is no host name or address`),
    ),
  ),
  port: v.optional(known(v.pipe(number(), v.integer(notPort), v.minValue(1, notPort), v.maxValue(65535, notPort)))),
  user: v.optional(
    known(
      v.pipe(
        text(),
        v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$/, (issue) => `${shown(issue.input)} is no user name`),
      ),
    ),
  ),
  sudo: v.optional(known(v.boolean((issue) => `${shown(issue.input)} is neither true nor false`))),
  hostKey: v.optional(
    known(
      v.pipe(
        text(),
        v.check(
          (lines) => lines.split("\n").every((line) => line.trim() === "" || hostKeyLine.test(line.trim())),
          'is not lines of the form "ssh-ed25519 AAAA..."',
        ),
      ),
    ),
  ),
  knownHosts: v.optional(known(text())),
  privateKey: v.optional(known(credential())),
  privateKeyPassword: v.optional(known(credential())),
  password: v.optional(known(credential())),
  agentSocketPath: v.optional(known(text())),
  dialErrorLimit: v.optional(known(number())),
  perDialTimeout: v.optional(known(number())),
};

const schema = v.looseObject(fields, "is missing; give the address to dial");

function text() {
  return v.string((issue) => `${shown(issue.input)} is not a string`);
}

/** Never shows the value. */
function credential() {
  return v.string("is not a string");
}

function number() {
  return v.number((issue) => `${shown(issue.input)} is not a number`);
}

function notPort(issue: { readonly input: unknown }): string {
  return `${shown(issue.input)} is no port; 1 to 65535`;
}
