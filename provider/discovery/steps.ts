import type { Step } from "../host/step.ts";
import { fixedWords } from "./fixed.ts";
import type { DiscoverySpec } from "./spec.ts";

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
  const packages = [...spec.packages];
  return {
    step: "open-build-root",
    args: [id, lock, tracer ? "yes" : "no", ...packages],
    content: renderFiles({ ...spec.files, ...preparation(spec) }),
    describe: describeOpening(spec),
  };
}

/** Runs the unit in the build root under strace: start, probe, reload, stop. */
export function traceUnitStep(id: string, unit: string, spec: DiscoverySpec): Step {
  const { probe, deadlineSeconds, method } = spec.discovery;
  const type = probe === undefined ? "-" : (probe.type ?? (probe.path === undefined ? "tcp" : "http"));
  const words = [type, `${probe?.jailPort ?? "-"}`, probe?.path ?? "-", ...(probe?.command ?? [])];
  return method === "trace"
    ? { step: "trace-unit", args: [id, unit, `${deadlineSeconds}`, ...words], describe: `tracing ${unit}` }
    : { step: "read-unit", args: [id, unit], describe: `reading ${unit}` };
}

/** Lists what is there of all that the trace and the spec name; its output is for `unpackSections`. */
export function inspectBuildRootStep(id: string, spec: DiscoverySpec): Step {
  const words = [
    ...fixedWords,
    ...spec.packages.map((name) => `package:${name.replace(/[=/:].*/, "")}`),
    ...(spec.programs ?? []).map((path) => `path:${path}`),
    ...Object.keys(spec.files).map((path) => `path:${path}`),
    ...spec.include.map((pattern) => `include:${pattern}`),
  ];
  return { step: "inspect-build-root", args: [id, ...words], describe: "looking at what it needs" };
}

/** Unmounts and removes the build root; done already when there is none. */
export function closeBuildRootStep(id: string): Step {
  return { step: "close-build-root", args: [id], describe: "removing the build root" };
}

function describeOpening({ packages, prepare }: DiscoverySpec): string {
  const opening = packages.length > 0 ? `installing ${packages.join(" ")} in a build root` : "opening a build root";
  return prepare === undefined ? opening : `${opening}, preparing it`;
}

/** Travels as a file of the build root; build-prepare.sh runs it and takes it away. */
function preparation({ prepare }: DiscoverySpec): DiscoverySpec["files"] {
  return prepare === undefined ? {} : { "/.pulumi-jail-prepare": { content: prepare, mode: "0600", owner: "root" } };
}

/** A line `MODE OWNER LENGTH PATH` for each file, then its bytes and a newline. */
function renderFiles(files: DiscoverySpec["files"]): string {
  return Object.entries(files)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([path, file]) => `${file.mode} ${file.owner} ${Buffer.byteLength(file.content)} ${path}\n${file.content}\n`)
    .join("");
}
