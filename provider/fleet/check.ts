import * as v from "valibot";
import { failuresOf, known, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { jailNameOn, memberName } from "./names.ts";
import { capacity, eligible, type PlacedHost, type Placement, place } from "./placement.ts";

/** A fleet's own arguments as the program gave them, before anything is known of their form. */
export interface FleetCandidate {
  readonly hosts?: unknown;
  readonly replicas?: unknown;
  readonly placement?: unknown;
  readonly rollout?: unknown;
  readonly ports?: unknown;
  readonly volumes?: unknown;
}

/**
 * Every mistake in what makes the members, at once, with its exact path. What goes to each member as it is, is checked
 * by the members.
 */
export function fleetFailures(name: string, args: FleetCandidate): readonly Failure[] {
  const failures = [...failuresOf(schema, args), ...hostFailures("hosts", name, args.hosts)];
  // Where hosts or numbers are wrong themselves, a count of seats would be a second message about the same.
  if (failures.some(({ property }) => /^(hosts|replicas|placement)/.test(property))) return failures;
  const hosts = args.hosts as readonly PlacedHost[];
  const rules = (args.placement ?? {}) as Placement;
  const fit = [...labelFailures(hosts, rules), ...fitFailures(hosts, rules, args.replicas as number | undefined)];
  if (fit.length > 0) return [...failures, ...fit];
  const replicas = (args.replicas as number | undefined) ?? eligible(hosts, rules).length;
  const seats = place(name, hosts, replicas, rules);
  const names = seats.map((seat) => memberName(name, seat));
  const long = names.filter((member) => member.length > 40);
  return [
    ...failures,
    ...long.map((member) => ({
      property: "hosts",
      reason: `its member would be called ${member}: ${member.length} characters, at most 40`,
    })),
    ...sharedFailures(
      seats.map(({ host }) => host),
      args,
    ),
  ];
}

/** Names of hosts make names of members: of the same form, and each once. */
export function hostFailures(property: string, name: string, hosts: unknown): readonly Failure[] {
  if (!Array.isArray(hosts)) return [{ property, reason: "is missing; give a list of Hosts" }];
  if (hosts.length === 0) return [{ property, reason: "is empty; give a Host at least" }];
  const names = hosts.map((host) => (host as Partial<PlacedHost> | null)?.name);
  return names.flatMap((host, index) => {
    const at = `${property}[${index}]`;
    if (typeof host !== "string") return [{ property: at, reason: "is no Host; a fleet's hosts need names" }];
    if (!/^[a-z0-9][a-z0-9-]*$/.test(host))
      return [
        {
          property: at,
          reason: `${shown(host)} makes no name of a member (${jailNameOn(name, host)}); use a-z, 0-9 and "-"`,
        },
      ];
    const first = names.indexOf(host);
    return first < index ? [{ property: at, reason: `${host} is ${property}[${first}] already` }] : [];
  });
}

function labelFailures(hosts: readonly PlacedHost[], rules: Placement): readonly Failure[] {
  const { labels, spreadBy } = rules;
  const chosen = eligible(hosts, rules);
  if (chosen.length === 0)
    return [{ property: "placement.labels", reason: `none of the ${hosts.length} hosts has ${shown(labels)}` }];
  if (spreadBy === undefined) return [];
  return chosen.flatMap((host) =>
    host.labels[spreadBy] === undefined
      ? [
          {
            property: `hosts[${hosts.indexOf(host)}]`,
            reason: `${host.name} has no label ${shown(spreadBy)} to spread by`,
          },
        ]
      : [],
  );
}

function fitFailures(hosts: readonly PlacedHost[], rules: Placement, replicas: number | undefined): readonly Failure[] {
  const chosen = eligible(hosts, rules);
  const wanted = replicas ?? chosen.length;
  const seats = chosen.map((host) => capacity(host, rules));
  if (chosen.length === 0 || wanted <= seats.reduce((sum, count) => sum + count, 0)) return [];
  const slots = [...new Set(chosen.map((host) => host.slots))];
  const where = `${chosen.length} host${chosen.length === 1 ? "" : "s"}`;
  const each = slots.length === 1 ? plural(slots[0] ?? 0) : `${chosen.map((host) => host.slots).join(", ")} slots`;
  const most = rules.maxPerHost === undefined ? "" : `, ${rules.maxPerHost} on each at most`;
  const labelled = rules.labels === undefined ? "" : ` that have ${shown(rules.labels)}`;
  return [{ property: "replicas", reason: `${wanted} do not fit ${where} with ${each}${labelled}${most}` }];
}

/** What is given once and would be had by two members of one host. */
function sharedFailures(placed: readonly string[], args: FleetCandidate): readonly Failure[] {
  const twice = placed.find((host, index) => placed.indexOf(host) !== index);
  if (twice === undefined) return [];
  const volumes = Object.entries((args.volumes ?? {}) as Readonly<Record<string, Record<string, unknown> | null>>);
  const ports = Object.entries((args.ports ?? {}) as Readonly<Record<string, Record<string, unknown> | number | null>>);
  return [
    ...volumes.flatMap(([key, volume]) =>
      volume?.["volumeName"] === undefined || volume["readOnly"] === true
        ? []
        : [
            {
              property: `volumes.${key}.volumeName`,
              reason: `two members on ${twice} would write to it; leave it out`,
            },
          ],
    ),
    ...ports.flatMap(([key, port]) =>
      typeof port !== "object" || port?.["hostPort"] === undefined
        ? []
        : [{ property: `ports.${key}.hostPort`, reason: `two members on ${twice} would have it; leave it out` }],
    ),
  ];
}

function plural(slots: number): string {
  return `${slots} slot${slots === 1 ? "" : "s"}`;
}

const count = (least: number) =>
  v.pipe(
    v.number((issue) => `${shown(issue.input)} is not a number`),
    v.integer((issue) => `${shown(issue.input)} is not a whole number`),
    v.minValue(least, (issue) => `${shown(issue.input)} is less than ${least}`),
  );

const seconds = v.pipe(
  v.number((issue) => `${shown(issue.input)} is not a number`),
  v.minValue(0, (issue) => `${shown(issue.input)} is negative`),
);

const share = v.custom<number | string>(
  (batch) =>
    typeof batch === "number"
      ? Number.isInteger(batch) && batch >= 1
      : typeof batch === "string" && /^([1-9]\d?(\.\d+)?|100)%$/.test(batch),
  (issue) => `${shown(issue.input)} is neither a number of members nor a share such as "25%"`,
);

function unknownName(issue: v.StrictObjectIssue): string {
  return `${shown(issue.input)} is not known here`;
}

const schema = v.looseObject({
  hosts: v.optional(
    v.array(
      v.looseObject({
        slots: v.optional(count(0)),
      }),
    ),
  ),
  replicas: v.optional(count(1)),
  placement: v.optional(
    v.strictObject(
      {
        labels: v.optional(
          v.record(
            v.string(),
            v.string((issue) => `${shown(issue.input)} is not a string`),
          ),
        ),
        maxPerHost: v.optional(count(1)),
        spreadBy: v.optional(v.string((issue) => `${shown(issue.input)} is no name of a label`)),
      },
      unknownName,
    ),
  ),
  rollout: v.optional(
    v.strictObject(
      {
        canary: v.optional(count(0)),
        batch: v.optional(share),
        pauseSeconds: v.optional(seconds),
        // An output of another resource passes here and is held to its form by the members.
        gate: v.optional(known(v.looseObject({}, "is no gate; give { url }"))),
      },
      unknownName,
    ),
  ),
});
