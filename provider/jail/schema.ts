import * as v from "valibot";
import { absolutePathSchema, known, nameSchema, shown } from "../resource/check.ts";
import { sourceSchema } from "./source-schema.ts";

/** Files that hold what differs by service and host: a uid, the service's own name. */
const perService: readonly string[] = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"];

/** What is mounted over when a service starts. */
const covered: readonly string[] = ["/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp"];

/** Inputs of a Jail, one by one; unknown values pass at any depth. */
export const jailSchema: v.GenericSchema = v.looseObject({
  jailName: nameSchema(),
  packages: list(
    pattern(
      /^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+~:-]+)?$/,
      'is no package; "apache2" or "apache2=2.4.62-1"',
    ),
  ),
  unit: v.optional(
    known(
      v.pipe(
        text(),
        v.check(isService, (issue) => describeUnit(String(issue.input))),
      ),
    ),
  ),
  programs: list(absolutePathSchema()),
  source: sourceSchema(),
  content: known(v.picklist(["minimal", "full"], (issue) => `${shown(issue.input)} is neither "minimal" nor "full"`)),
  include: list(selector()),
  exclude: list(selector()),
  files: known(
    v.record(
      v.pipe(
        absolutePathSchema(),
        v.check((path) => !perService.includes(path), "passwd, group and hosts are made per service"),
        v.check(
          (path) => !isCovered(path),
          (issue) => `${shown(coverOf(String(issue.input)))} is mounted over at every start`,
        ),
      ),
      known(
        v.looseObject({
          content: known(v.string("is not a string; give the file's text as content")),
          mode: v.optional(pattern(/^0?[0-7]{3}$/, 'is no mode without setuid bits, such as "0644"')),
          owner: v.optional(pattern(/^[a-z_][a-z0-9_-]*(:[a-z_][a-z0-9_-]*)?$/, 'is no owner; "root" or "user:group"')),
        }),
      ),
    ),
  ),
  prepare: v.optional(pattern(/^[^\0]*\S[^\0]*$/, "is no script of the POSIX shell")),
  discovery: known(
    v.looseObject({
      method: known(
        v.picklist(["trace", "static", "none"], (issue) => `${shown(issue.input)} is not "trace", "static" or "none"`),
      ),
      rounds: whole(0, 10),
      deadlineSeconds: whole(10, 3600),
      probe: v.optional(known(v.lazy((given) => (Array.isArray(given) ? v.array(probeSchema()) : probeSchema())))),
    }),
  ),
  users: list(pattern(/^[a-z_][a-z0-9_-]{0,31}$/, "is no user name")),
  manifestFile: v.optional(
    pattern(
      /^(?!\/)\P{Cc}*[^/\p{Cc}]$/u,
      'is no path relative to the project\'s directory, such as "apache.lock.json"',
    ),
  ),
  pinnedGeneration: v.optional(pattern(/^[0-9a-f]{16}$/, "is no generation; 16 hex digits")),
  keepGenerations: whole(0, 100),
  adopt: v.optional(known(v.boolean((issue) => `${shown(issue.input)} is neither true nor false`))),
});

function probeSchema() {
  const type = v.picklist(
    ["http", "tcp", "exec", "script"],
    (issue) => `${shown(issue.input)} is not "http", "tcp", "exec" or "script"`,
  );
  return known(
    v.pipe(
      v.looseObject({
        jailPort: v.optional(whole(1, 65535)),
        type: v.optional(known(type)),
        path: v.optional(pattern(/^\/\S*$/, 'is no path of a URL; it begins with "/"')),
        expectStatus: v.optional(pattern(/^[1-5]\d\d(-[1-5]\d\d)?$/, 'is no status such as "200" or "200-399"')),
        command: v.optional(list(known(text()))),
        script: v.optional(pattern(/^[^\0]*\S[^\0]*$/, "is no script of the POSIX shell")),
      }),
      v.forward(
        v.check(({ type, command }) => type !== "exec" || command !== undefined, 'type "exec" needs one'),
        ["command"],
      ),
      v.forward(
        v.check(({ type, script }) => type !== "script" || script !== undefined, 'type "script" needs one'),
        ["script"],
      ),
    ),
  );
}

function list(item: v.GenericSchema) {
  return known(v.array(item, (issue) => `${shown(issue.input)} is not a list`));
}

function text() {
  return v.string((issue) => `${shown(issue.input)} is not a string`);
}

function pattern(expression: RegExp, reason: string) {
  return known(
    v.pipe(
      text(),
      v.regex(expression, (issue) => `${shown(issue.input)} ${reason}`),
    ),
  );
}

function whole(least: number, most: number) {
  const reason = (issue: { readonly input: unknown }) =>
    `${shown(issue.input)} is not a whole number from ${least} to ${most}`;
  return known(v.pipe(v.number(reason), v.integer(reason), v.minValue(least, reason), v.maxValue(most, reason)));
}

/** A path, a glob, or `package:NAME`. */
function selector() {
  return known(
    v.pipe(
      text(),
      v.check(
        (given) => given.startsWith("/") || given.startsWith("package:"),
        (issue) => `${shown(issue.input)} is not an absolute path`,
      ),
      v.check(isPlainSelector, (issue) => `${shown(issue.input)} has "..", a control character or no name`),
    ),
  );
}

function isPlainSelector(given: string): boolean {
  if (given.startsWith("package:")) return /^package:[a-z0-9][a-z0-9+.-]+$/.test(given);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused
  return given.startsWith("/") ? !/[\x00-\x1f\x7f]/.test(given) && !given.split("/").includes("..") : true;
}

function isService(unit: string): boolean {
  return /^[A-Za-z0-9:_.\\@-]+\.service$/.test(unit);
}

function describeUnit(unit: string): string {
  if (/^[A-Za-z0-9:_\\@-]+$/.test(unit))
    return `${shown(unit)} has no suffix; did you mean ${shown(`${unit}.service`)}?`;
  return `${shown(unit)} is no service unit, such as "apache2.service"`;
}

function isCovered(path: string): boolean {
  return covered.some((place) => path === place || path.startsWith(`${place}/`));
}

function coverOf(path: string): string {
  return covered.find((place) => path === place || path.startsWith(`${place}/`)) ?? path;
}
