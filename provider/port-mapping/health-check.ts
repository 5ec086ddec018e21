import { isDeepStrictEqual } from "node:util";
import * as v from "valibot";
import { isCheckPath, isStatusRange } from "../haproxy/allowed.ts";
import { failuresOf, known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown, UNKNOWN } from "../resource/unknown.ts";

type Given = Readonly<Record<string, unknown>>;

/**
 * The mapping's check: what is given, else what the endpoints bring along. HAProxy asks all servers of a backend the
 * same question, so endpoints that differ need one to be given.
 */
export function normalizeHealthCheck(
  given: unknown,
  backends: unknown,
): { readonly healthCheck: unknown; readonly failures: readonly Failure[] } {
  if (isUnknown(given)) return { healthCheck: UNKNOWN, failures: [] };
  if (given !== undefined) {
    const failures = failuresOf(schema, given).map(({ property, reason }) => ({
      property: property === "" ? "healthCheck" : `healthCheck.${property}`,
      reason,
    }));
    return { healthCheck: failures.length > 0 ? given : complete(given as Given), failures };
  }
  if (isUnknown(backends) || (Array.isArray(backends) && backends.some(hidesCheck)))
    return { healthCheck: UNKNOWN, failures: [] };
  return fromEndpoints(Array.isArray(backends) ? backends : []);
}

/** An element that may turn out to be an endpoint with a check of its own. */
function hidesCheck(element: unknown): boolean {
  return isUnknown(element) || (isObject(element) && containsUnknown(element["healthCheck"]));
}

function fromEndpoints(backends: readonly unknown[]) {
  const checks = backends.map((element) => complete(isObject(element) ? (element["healthCheck"] as Given) : undefined));
  const odd = checks.findIndex((check) => !isDeepStrictEqual(check, checks[0]));
  if (odd > 0)
    return {
      healthCheck: checks[0],
      failures: [
        { property: `backends[${odd}]`, reason: "its health check is not that of backends[0]; set healthCheck" },
      ],
    };
  const failures = failuresOf(schema, checks[0] ?? {}).map(({ property, reason }) => ({
    property: `backends[0].healthCheck.${property}`,
    reason,
  }));
  return { healthCheck: checks[0] ?? complete(undefined), failures };
}

/** What runs inside of a jail can't be asked from an edge: of an `exec` check only that the port answers is left. */
function complete(given: Given | undefined): Given {
  const check = given ?? {};
  const type = check["type"] ?? (check["path"] !== undefined ? "http" : "tcp");
  return {
    type: type === "exec" ? "tcp" : type,
    ...(type === "http" ? { path: check["path"] ?? "/", expectStatus: check["expectStatus"] ?? "200-399" } : {}),
    interSeconds: check["interSeconds"] ?? 2,
    rise: check["rise"] ?? 2,
    fall: check["fall"] ?? 3,
  };
}

const whole = (least: number, most: number) =>
  v.optional(
    known(
      v.custom<number>(
        (value) => Number.isInteger(value) && Number(value) >= least && Number(value) <= most,
        (issue) => `${shown(issue.input)} is no whole number from ${least} to ${most}`,
      ),
    ),
  );

const schema = known(
  v.looseObject(
    {
      type: v.optional(
        known(
          v.picklist(["http", "tcp"], (issue) =>
            issue.input === "exec"
              ? '"exec" runs inside of a jail; an edge asks by "http" or "tcp"'
              : `${shown(issue.input)} is none of "http", "tcp"`,
          ),
        ),
      ),
      path: v.optional(
        known(
          v.custom<string>(
            (path) => typeof path === "string" && isCheckPath(path),
            (issue) => `${shown(issue.input)} is no plain request path`,
          ),
        ),
      ),
      expectStatus: v.optional(
        known(
          v.custom<string>(
            (status) => typeof status === "string" && isStatusRange(status),
            (issue) => `${shown(issue.input)} is no status or range, such as "200-399"`,
          ),
        ),
      ),
      interSeconds: whole(1, 3600),
      rise: whole(1, 100),
      fall: whole(1, 100),
    },
    (issue) => `${shown(issue.input)} is no health check`,
  ),
);

function isObject(value: unknown): value is Given {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
