import * as v from "valibot";
import { known, nameSchema, shown } from "../resource/check.ts";
import { isUnknown } from "../resource/unknown.ts";
import { isPlainPath } from "../systemd/escape.ts";

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

/** The form of each input; what depends on several is in check.ts. */
export const serviceSchema = v.looseObject({
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
  gate: v.optional(
    known(
      v.strictObject(
        {
          // Never shown: it may hold a token.
          url: known(v.pipe(v.string("is not a string"), v.check(isHttpUrl, 'is no "http://" or "https://" URL'))),
          samples: count,
          maxFailures: known(
            v.pipe(
              v.number((issue) => `${shown(issue.input)} is not a number`),
              v.integer((issue) => `${shown(issue.input)} is not a whole number`),
              v.minValue(0, (issue) => `${shown(issue.input)} is negative`),
            ),
          ),
        },
        (issue) => (issue.expected === "never" ? `${shown(issue.input)} is not known here` : "is missing"),
      ),
    ),
  ),
});

function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}
