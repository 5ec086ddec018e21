import * as v from "valibot";
import { portFailures } from "../ports/port-inputs.ts";
import { failuresOf, known, nameSchema, shown } from "../resource/check.ts";
import type { Failure } from "../resource/kind.ts";
import { containsUnknown, isUnknown } from "../resource/unknown.ts";
import { isPlainPath } from "../systemd/escape.ts";
import { hardeningFailure } from "../systemd/hardening-overrides.ts";
import type { JailedServiceInputs } from "./inputs.ts";

type Candidate = Readonly<Record<string, unknown>>;

/** Every failure of normalized inputs at once, with its exact path. */
export function serviceFailures(inputs: Candidate, olds: Partial<JailedServiceInputs> | undefined): readonly Failure[] {
  return [
    ...failuresOf(schema, inputs),
    ...portFailures(inputs["ports"]),
    ...hardeningFailures(inputs["hardening"]),
    ...switchoverFailures(inputs),
    ...networkFailures(inputs),
    ...healthFailures(inputs),
    ...connectFailures(inputs),
    ...volumeFailures(inputs, olds),
  ];
}

function hardeningFailures(hardening: unknown): readonly Failure[] {
  if (typeof hardening !== "object" || hardening === null) return [];
  return Object.entries(hardening).flatMap(([name, value]) => {
    const reason = isUnknown(value) ? undefined : hardeningFailure(name, value);
    return reason === undefined ? [] : [{ property: `hardening.${name}`, reason }];
  });
}

function switchoverFailures({ switchover, network, ports, volumes }: Candidate): readonly Failure[] {
  if (switchover !== "overlap") return [];
  const fail = (reason: string) => [{ property: "switchover", reason }];
  if (typeof volumes === "object" && volumes !== null) {
    const shared = Object.entries(volumes).find(([, volume]) => volume?.readOnly !== true && !isUnknown(volume));
    if (shared) return fail(`"overlap" would run two processes on volume "${shared[0]}"`);
  }
  if (network !== "private" && !isUnknown(network))
    return fail(`"overlap" needs network "private", not ${shown(network)}`);
  const known = typeof ports === "object" && ports !== null && !containsUnknown(ports);
  if (known && !Object.values(ports).some((port) => port?.protocol === "tcp"))
    return fail('"overlap" needs a tcp port');
  return [];
}

function networkFailures({ network, ports, egress, connects }: Candidate): readonly Failure[] {
  const numbered = Object.keys((ports ?? {}) as Candidate).filter((key) => {
    const port = (ports as Readonly<Record<string, Candidate>>)[key];
    return typeof port === "object" && port !== null && !("socket" in port);
  });
  if (network === "none")
    return [
      ...numbered.map((key) => ({ property: `ports.${key}`, reason: 'network "none" has no ports; sockets only' })),
      ...(egress !== "none" && !isUnknown(egress) ? [{ property: "egress", reason: 'network "none" has none' }] : []),
    ];
  if (network !== "host") return [];
  const mapped = numbered.filter((key) => {
    const { jailPort, hostPort } = (ports as Readonly<Record<string, Candidate>>)[key] ?? {};
    return !isUnknown(jailPort) && !isUnknown(hostPort) && jailPort !== hostPort;
  });
  return [
    ...mapped.map((key) => ({
      property: `ports.${key}.hostPort`,
      reason: 'network "host" maps no ports: it has to be given, and equal to jailPort',
    })),
    ...(connects === undefined
      ? []
      : [{ property: "connects", reason: 'network "host" has none: connect to the endpoint\'s own address and port' }]),
  ];
}

function healthFailures({ healthCheck, ports, network }: Candidate): readonly Failure[] {
  if (typeof healthCheck !== "object" || healthCheck === null) return [];
  const { port, type, command, path } = healthCheck as Candidate;
  const keys = typeof ports === "object" && ports !== null ? Object.keys(ports) : [];
  const at = (name: string, reason: string) => ({ property: `healthCheck.${name}`, reason });
  return [
    ...(typeof port === "string" && !isUnknown(port) && !keys.includes(port)
      ? [at("port", `${shown(port)} is no key of ports (${keys.join(", ") || "there are none"})`)]
      : []),
    ...(type === "exec" && command === undefined ? [at("command", 'type "exec" needs a command')] : []),
    ...(command !== undefined && path !== undefined ? [at("path", "a command has no path")] : []),
    ...(network === "none" && type !== undefined && type !== "exec" && !isUnknown(type)
      ? [at("type", 'network "none" can be checked by "exec" only')]
      : []),
  ];
}

function connectFailures({ connects }: Candidate): readonly Failure[] {
  if (typeof connects !== "object" || connects === null) return [];
  return Object.entries(connects as Readonly<Record<string, Candidate>>).flatMap(([key, connect]) => {
    const endpoint = connect?.["endpoint"];
    if (typeof endpoint !== "object" || endpoint === null || (endpoint as Candidate)["protocol"] !== "unix") return [];
    if (connect["jailPath"] !== undefined) return [];
    return [{ property: `connects.${key}`, reason: "a socket needs a jailPath to be bound at" }];
  });
}

/** A renamed service would take new, empty volumes by default. */
function volumeFailures(inputs: Candidate, olds: Partial<JailedServiceInputs> | undefined): readonly Failure[] {
  const { serviceName, volumes } = inputs;
  if (!olds?.serviceName || isUnknown(serviceName) || olds.serviceName === serviceName) return [];
  return Object.entries((volumes ?? {}) as JailedServiceInputs["volumes"] & object).flatMap(([key, volume]) => {
    const before = olds.volumes?.[key]?.volumeName;
    return before === `${olds.serviceName}.${key}` && volume.volumeName === `${String(serviceName)}.${key}`
      ? [
          {
            property: "serviceName",
            reason: `${shown(serviceName).replaceAll('"', "")} would leave volume "${before}" behind; set volumes.${key}.volumeName`,
          },
        ]
      : [];
  });
}

const text = (pattern: RegExp, what: string) =>
  known(
    v.pipe(
      v.string((issue) => `${shown(issue.input)} is not a string`),
      v.regex(pattern, (issue) => `${shown(issue.input)} is no ${what}`),
    ),
  );

const line = known(
  v.pipe(
    v.string((issue) => `${shown(issue.input)} is not a string`),
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused
    v.regex(/^[^\x00-\x08\x0a-\x1f\x7f]*$/, (issue) => `${shown(issue.input)} has a control character`),
  ),
);

const bindPath = known(
  v.pipe(
    v.string((issue) => `${shown(issue.input)} is not a string`),
    v.check(isPlainPath, (issue) => `${shown(issue.input)} is not an absolute path that a unit file can hold`),
  ),
);

const seconds = known(
  v.pipe(
    v.number((issue) => `${shown(issue.input)} is not a number`),
    v.minValue(0, (issue) => `${shown(issue.input)} is negative`),
    v.maxValue(86400, (issue) => `${shown(issue.input)} is more than a day`),
  ),
);

const count = known(
  v.pipe(
    v.number((issue) => `${shown(issue.input)} is not a number`),
    v.integer((issue) => `${shown(issue.input)} is not a whole number`),
    v.minValue(1, (issue) => `${shown(issue.input)} is less than 1`),
  ),
);

const flag = known(v.boolean((issue) => `${shown(issue.input)} is neither true nor false`));

function oneOf<const Words extends readonly string[]>(words: Words) {
  return known(
    v.picklist(words, (issue) => `${shown(issue.input)} is none of ${words.map((word) => `"${word}"`).join(", ")}`),
  );
}

const variable = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, (issue) => `${shown(issue.input)} is no name of a variable`),
);

const credentialName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, (issue) => `${shown(issue.input)} is no name of a credential`),
);

const mode = text(/^0[0-7]{3}$/, 'mode; four octal digits such as "0644"');

const egressSchema = known(
  v.union(
    [
      v.picklist(["none", "any"]),
      v.array(text(/^(\d{1,3}\.){3}\d{1,3}(\/([0-9]|[12][0-9]|3[0-2]))?(:\d{1,5})?$/, 'CIDR such as "10.0.0.0/8:443"')),
    ],
    (issue) => `${shown(issue.input)} is neither "none", "any" nor a list of CIDRs`,
  ),
);

const schema = v.looseObject({
  serviceName: nameSchema(),
  jailName: nameSchema(),
  generation: text(/^[0-9a-f]{16}$/, "generation"),
  execStart: v.optional(
    known(
      v.pipe(
        v.array(line, (issue) => `${shown(issue.input)} is no list of arguments`),
        v.check(
          (argv) => isUnknown(argv[0]) || (typeof argv[0] === "string" && argv[0].startsWith("/")),
          "begins with the program's absolute path",
        ),
      ),
    ),
  ),
  environment: v.optional(known(v.record(variable, line))),
  credentials: v.optional(known(v.record(credentialName, known(v.string("is not a string"))))),
  configFiles: v.optional(
    known(
      v.record(
        v.pipe(
          v.string(),
          v.check(isPlainPath, (issue) => `${shown(issue.input)} is not an absolute path that a unit file can hold`),
          v.check(
            (path) => !["/etc/passwd", "/etc/group", "/etc/hosts"].includes(path),
            "passwd, group and hosts are made per service",
          ),
        ),
        known(v.object({ content: known(v.string("is not a string")), mode: v.optional(mode) })),
      ),
    ),
  ),
  volumes: v.optional(
    known(
      v.record(
        text(/^[a-z][a-z0-9-]{0,39}$/, "name of a volume"),
        known(
          v.object({
            jailPath: bindPath,
            volumeName: text(/^[a-z0-9][a-z0-9.-]{0,80}$/, "name of a volume"),
            readOnly: v.optional(flag),
            removeOnDelete: v.optional(flag),
          }),
        ),
      ),
    ),
  ),
  connects: v.optional(
    known(
      v.record(
        text(/^[a-z][a-z0-9-]{0,39}$/, "host name"),
        known(
          v.looseObject({
            endpoint: known(v.looseObject({})),
            jailPort: v.optional(count),
            jailPath: v.optional(bindPath),
          }),
        ),
      ),
    ),
  ),
  network: oneOf(["private", "host", "none"]),
  egress: egressSchema,
  limits: v.optional(
    known(
      v.strictObject(
        {
          memoryMax: v.optional(text(/^(\d+[KMGT]?|\d+%|infinity)$/, 'size such as "512M"')),
          cpuQuota: v.optional(text(/^\d+(\.\d+)?%$/, 'share of a CPU such as "50%"')),
          tasksMax: v.optional(count),
          limitNOFILE: v.optional(count),
        },
        (issue) => `${shown(issue.input)} is no limit`,
      ),
    ),
  ),
  healthCheck: v.optional(
    known(
      v.strictObject(
        {
          port: v.optional(known(v.string())),
          type: v.optional(oneOf(["http", "tcp", "exec"])),
          path: v.optional(text(/^\/[\x21-\x7e]*$/, "path of a request")),
          command: v.optional(
            known(
              v.pipe(
                v.array(line),
                v.check(
                  (argv) => isUnknown(argv[0]) || String(argv[0]).startsWith("/"),
                  "begins with the program's absolute path in the jail",
                ),
              ),
            ),
          ),
          expectStatus: v.optional(text(/^[1-5]\d\d(-[1-5]\d\d)?$/, 'status such as "200" or "200-399"')),
          interSeconds: v.optional(seconds),
          rise: v.optional(count),
          fall: v.optional(count),
          deadlineSeconds: v.optional(seconds),
        },
        (issue) => `${shown(issue.input)} is not known here`,
      ),
    ),
  ),
  switchover: oneOf(["overlap", "restart"]),
  drainSeconds: seconds,
  settleSeconds: seconds,
});
