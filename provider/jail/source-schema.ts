import * as v from "valibot";
import { known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { isUnknown } from "../resource/unknown.ts";

/** `"host"`, or a suite with its mirror and snapshot. */
export function sourceSchema(): v.GenericSchema {
  return known(v.lazy((given) => (typeof given === "object" && given !== null ? suite : host)));
}

/** What only the fields of a source together say. */
export function failuresOfSource(source: unknown): readonly Failure[] {
  if (isUnknown(source) || typeof source !== "object" || source === null) return [];
  const { suite: name, mirror, snapshot } = source as Readonly<Record<string, unknown>>;
  if (name === undefined) return [{ property: "source.suite", reason: 'is missing; name one, such as "sid"' }];
  if (isUnknown(mirror) || isUnknown(snapshot)) return [];
  const hasPlace = typeof mirror === "string" && mirror.includes(PLACE);
  if (hasPlace && snapshot === undefined)
    return [{ property: "source.snapshot", reason: `source.mirror has ${PLACE}; say which one` }];
  if (typeof snapshot !== "string") return [];
  if (isAddress(snapshot) && mirror !== undefined)
    return [
      { property: "source.snapshot", reason: `${shown(snapshot)} is an address, and so is source.mirror; give one` },
    ];
  if (/^[0-9A-Za-z]+$/.test(snapshot) && !hasPlace)
    return [{ property: "source.mirror", reason: `needs ${PLACE} in it, where ${shown(snapshot)} goes` }];
  return [];
}

const PLACE = "{snapshot}";

const host = v.custom(
  (given) => given === "host",
  (issue) => `${shown(issue.input)} is no source; "host" or { suite: "sid" }`,
);

const suite = v.looseObject({
  // failuresOfSource tells of one that is missing: an object's own message would not say what to do.
  suite: v.optional(pattern(/^[a-z][a-z0-9.+-]{0,39}$/, 'is no suite, such as "sid"')),
  mirror: v.optional(
    pattern(/^https?:\/\/[^\s[\]\\]+$/, "is no address of a mirror; it begins with http:// or https://"),
  ),
  snapshot: v.optional(
    pattern(/^(https?:\/\/[^\s[\]{}\\]+|[0-9A-Za-z]+)$/, 'is no snapshot; "20260101T000000Z" or an address'),
  ),
});

function pattern(expression: RegExp, reason: string) {
  return known(
    v.pipe(
      v.string((issue) => `${shown(issue.input)} is not a string`),
      v.regex(expression, (issue) => `${shown(issue.input)} ${reason}`),
    ),
  );
}

function isAddress(snapshot: string): boolean {
  return /^https?:/.test(snapshot);
}
