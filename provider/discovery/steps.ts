import { completeManifest } from "../generation/fixed.ts";
import type { Step } from "../host/step.ts";
import { sha256 } from "../manifest/digest.ts";
import { renderEntries } from "../manifest/entries.ts";
import type { Manifest } from "../manifest/manifest.ts";
import { HOST_SUITE, suiteKey } from "../manifest/source.ts";
import { renderGroup, renderPasswd } from "../passwd/passwd.ts";
import { fixedWords } from "./fixed.ts";
import type { DiscoverySpec, Probe } from "./spec.ts";
import { steadyListens } from "./trial.ts";
import { renderTrialSockets, renderTrialUnit, TRIAL_UID, type TrialMode, trialSeeds } from "./trial-unit.ts";

/** Where a build root's pristine tree is mounted, read-only, until it is closed. */
export function buildRootDirectory(id: string): string {
  return `/var/lib/pulumi-jail/build/${id}/root`;
}

/** Removes what killed runs left of other build roots. */
export function sweepBuildRootsStep(id: string): Step {
  return { step: "sweep-build-roots", args: [id], describe: "sweeping build roots that were left behind" };
}

/** Opens the build root `id` anew; `tracer` is false when only its bytes are wanted. `lock` is the plan's. */
export function openBuildRootStep(id: string, lock: string, spec: DiscoverySpec, tracer: boolean): Step {
  const { packages, source = "host", renew = [] } = spec;
  const suite = source === "host" ? ["-"] : [suiteKey(source), source.suite, source.mirror, source.snapshot];
  const [key, name, mirror, snapshot] = suite;
  return {
    step: "open-build-root",
    args: [
      ...[id, lock, tracer ? "yes" : "no", key!, name ?? "-", mirror ?? "-", snapshot ?? "-"],
      ...[...packages, ...renew.map((other) => `+${other}`)],
    ],
    content: renderFiles({ ...spec.files, ...preparation(spec) }),
    describe: describeOpening(spec),
  };
}

/** Runs the unit in the build root under strace: start, probe, reload, stop. */
export function traceUnitStep(id: string, unit: string, spec: DiscoverySpec): Step {
  const { deadlineSeconds, method } = spec.discovery;
  const words = probeWords(spec.discovery.probe);
  return method === "trace"
    ? { step: "trace-unit", args: [id, unit, `${deadlineSeconds}`, ...words], describe: `tracing ${unit}` }
    : { step: "read-unit", args: [id, unit], describe: `reading ${unit}` };
}

/** Starts and probes the daemon in a throw-away tree of just the manifest's entries; its output is for `parseTrial`. */
export function trialJailStep(
  id: string,
  unit: string,
  spec: DiscoverySpec,
  manifest: Manifest,
  mode: TrialMode,
): Step {
  const { deadlineSeconds, probe } = spec.discovery;
  const complete = completeManifest(manifest);
  const { launch } = manifest;
  const made = complete.entries.flatMap(({ content }) =>
    content === undefined ? [] : ([[sha256(content), content]] as const),
  );
  const parts: readonly (readonly [string, string])[] = [
    ["entries", renderEntries(complete)],
    ["unit", renderTrialUnit(unit, id, launch, mode)],
    ...renderTrialSockets(id, launch).map((text, index) => [`socket${index + 1}`, text] as const),
    ["passwd", renderPasswd(launch.users, TRIAL_UID, TRIAL_UID)],
    ["group", renderGroup(launch.users, TRIAL_UID)],
    [
      "listens",
      steadyListens(launch)
        .map((line) => `${line}\n`)
        .join(""),
    ],
    [
      "seeds",
      trialSeeds(launch)
        .map(({ path, mode: bits }) => `${TRIAL_UID} ${bits} ${path}\n`)
        .join(""),
    ],
    ...new Map(made),
  ];
  return {
    step: "trial-jail",
    args: [id, unit, `${deadlineSeconds}`, launch.type, ...probeWords(probe)],
    content: parts.map(([name, text]) => `${name} ${Buffer.byteLength(text)}\n${text}\n`).join(""),
    describe: mode === "bare" ? `trying ${unit} in its jail without a sandbox` : `trying ${unit} in its jail`,
  };
}

/** Lists what is there of all that the trace, the spec and `paths` name; its output is for `unpackSections`. */
export function inspectBuildRootStep(id: string, spec: DiscoverySpec, paths: readonly string[] = []): Step {
  const words = [
    ...fixedWords,
    ...spec.packages.map((name) => `package:${name.replace(/[=/:].*/, "")}`),
    ...(spec.programs ?? []).map((path) => `path:${path}`),
    ...Object.keys(spec.files).map((path) => `path:${path}`),
    ...paths.map((path) => `path:${path}`),
    ...spec.include.map((pattern) => `include:${pattern}`),
    ...(spec.content === "full" ? ["below:/"] : []),
  ];
  return { step: "inspect-build-root", args: [id, ...words], describe: "looking at what it needs" };
}

/** Removes the suites that no jail of the host has as its source any more. */
export function sweepSuitesStep(): Step {
  return { step: "sweep-suites", args: [], describe: "removing suites that no jail needs any more" };
}

/** Unmounts and removes the build root; done already when there is none. */
export function closeBuildRootStep(id: string): Step {
  return { step: "close-build-root", args: [id], describe: "removing the build root" };
}

function describeOpening({ packages, source = "host", prepare }: DiscoverySpec): string {
  const bare = source !== "host" && source.suite === HOST_SUITE;
  const root = source === "host" ? "a build root" : bare ? "a bare build root" : `a build root of ${source.suite}`;
  const opening = packages.length > 0 ? `installing ${packages.join(" ")} in ${root}` : `opening ${root}`;
  return prepare === undefined ? opening : `${opening}, preparing it`;
}

/** Travels as a file of the build root; build-prepare.sh runs it and takes it away. */
function preparation({ prepare }: DiscoverySpec): DiscoverySpec["files"] {
  return prepare === undefined ? {} : { "/.pulumi-jail-prepare": { content: prepare, mode: "0600", owner: "root" } };
}

/** A word per probe (trace-probe.sh). */
function probeWords(probe: DiscoverySpec["discovery"]["probe"]): readonly string[] {
  const probes = probe === undefined ? [] : Array.isArray(probe) ? (probe as readonly Probe[]) : [probe as Probe];
  return probes.map((one) => {
    const type = typeOf(one);
    const last = type === "script" ? [one.script ?? ""] : type === "exec" ? (one.command ?? []) : [];
    return [type, `${one.jailPort ?? "-"}`, one.path ?? "-", one.expectStatus ?? "-", ...last]
      .map(encodeWord)
      .join(" ");
  });
}

function typeOf({ type, script, command, path }: Probe): NonNullable<Probe["type"]> {
  if (type !== undefined) return type;
  if (script !== undefined) return "script";
  if (command !== undefined) return "exec";
  return path === undefined ? "tcp" : "http";
}

/** Steps take no newline in an argument. */
function encodeWord(word: string): string {
  const bytes = [...Buffer.from(word)];
  return bytes
    .map((byte) => (/[\w./:=,-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : escapedByte(byte)))
    .join("");
}

function escapedByte(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/** A line `MODE OWNER LENGTH PATH` for each file, then its bytes and a newline. */
function renderFiles(files: DiscoverySpec["files"]): string {
  return Object.entries(files)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, file]) => `${file.mode} ${file.owner} ${Buffer.byteLength(file.content)} ${path}\n${file.content}\n`)
    .join("");
}
