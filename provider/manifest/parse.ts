import * as v from "valibot";
import { type Launch, loosenings } from "./launch.ts";
import type { Manifest, Seed } from "./manifest.ts";

/** Throws when the text is no manifest of a schema that this version knows. */
export function parseManifest(text: string): Manifest {
  return parse(manifestSchema, text, "manifest");
}

/** Throws when the text is no launch. */
export function parseLaunch(text: string): Launch {
  return parse(launchSchema, text, "launch");
}

/** Throws when the text is no list of seeds, as a manifest's line `"seeds":` has it. */
export function parseSeeds(text: string): readonly Seed[] {
  return parse(seedsSchema, text, "list of seeds");
}

function parse<Value>(schema: v.GenericSchema<unknown, Value>, text: string, what: string): Value {
  const result = v.safeParse(schema, JSON.parse(text));
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw new Error(`the ${what} is not as this version writes it: ${v.getDotPath(issue) ?? what}: ${issue.message}`);
}

const text = v.string();
const texts = v.array(v.string());
const words = v.record(v.string(), v.string());

/** Unknown keys pass and are kept: a newer release may have written them. */
const launchSchema: v.GenericSchema<unknown, Launch> = v.looseObject({
  unit: v.optional(text),
  type: v.picklist(["exec", "notify", "forking", "oneshot"]),
  argv: texts,
  argv0: v.optional(text),
  workingDirectory: text,
  environment: words,
  user: text,
  group: text,
  users: v.array(v.looseObject({ name: text, group: text, home: text, groups: v.optional(texts) })),
  listens: v.array(
    v.looseObject({
      protocol: v.picklist(["tcp", "udp", "unix"]),
      jailPort: v.optional(v.number()),
      loopback: v.optional(v.boolean()),
      path: v.optional(text),
    }),
  ),
  writable: v.array(v.looseObject({ path: text, kind: v.picklist(["runtime", "state", "cache", "logs"]), mode: text })),
  limitNOFILE: v.optional(v.number()),
  limitMEMLOCK: v.optional(text),
  timeoutStartSeconds: v.optional(v.number()),
  timeoutStopSeconds: v.optional(v.number()),
  sendSIGKILL: v.optional(v.boolean()),
  oomScoreAdjust: v.optional(v.number()),
  killSignal: v.optional(text),
  reloadSignal: v.optional(text),
  successExitStatus: v.optional(text),
  writeExecuteMemory: v.boolean(),
  notifyAccess: v.optional(v.literal("all")),
  syslog: v.optional(v.boolean()),
  sockets: v.optional(
    v.array(
      v.looseObject({
        unit: text,
        fileDescriptorName: text,
        listens: v.array(
          v.looseObject({ type: v.picklist(["stream", "datagram", "sequential-packet"]), address: text }),
        ),
        options: words,
      }),
    ),
  ),
  loosened: v.optional(v.array(v.picklist(loosenings))),
});

const entrySchema = v.looseObject({
  path: text,
  kind: v.picklist(["file", "directory", "symlink", "device"]),
  mode: v.pipe(text, v.regex(/^[01][0-7]{3}$/)),
  owner: text,
  group: text,
  sha256: v.optional(v.pipe(text, v.regex(/^[0-9a-f]{64}$/))),
  size: v.optional(v.number()),
  target: v.optional(text),
  device: v.optional(text),
  package: v.optional(text),
  version: v.optional(text),
  why: texts,
});

const seedsSchema: v.GenericSchema<unknown, Seed[]> = v.array(
  v.looseObject({ path: text, files: v.number(), bytes: v.number(), changed: v.optional(v.boolean()) }),
);

const manifestSchema: v.GenericSchema<unknown, Manifest> = v.looseObject({
  schema: v.literal(1),
  source: v.union([
    v.literal("host"),
    v.looseObject({ suite: text, mirror: v.optional(text), snapshot: v.optional(text) }),
  ]),
  packages: words,
  entries: v.array(entrySchema),
  launch: launchSchema,
  interpreters: v.optional(v.array(v.looseObject({ path: text, why: text }))),
  seeds: v.optional(seedsSchema),
  platform: v.optional(v.looseObject({ distribution: text, release: text, architecture: text })),
  origins: v.optional(v.record(text, v.looseObject({ architecture: text, source: text, sourceVersion: text }))),
  denied: v.optional(v.array(v.looseObject({ path: text, why: text }))),
});
