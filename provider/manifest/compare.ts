import type { Launch } from "./launch.ts";
import type { Entry, Manifest } from "./manifest.ts";
import { sortKeys } from "./render.ts";

/** What differs between two manifests, in sentences: packages, files, then how the daemon is started. */
export function compareManifests(before: Manifest, after: Manifest): readonly string[] {
  return [
    ...comparePackages(before.packages, after.packages),
    ...compareEntries(before.entries, after.entries),
    ...compareLaunch(before.launch, after.launch),
  ];
}

function comparePackages(before: Manifest["packages"], after: Manifest["packages"]): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]];
    if (was === is) return [];
    if (was === undefined) return [`new package: ${name} ${is}`];
    return is === undefined ? [`package is gone: ${name} ${was}`] : [`${name} ${was} -> ${is}`];
  });
}

function compareEntries(before: readonly Entry[], after: readonly Entry[]): readonly string[] {
  const old = new Map(before.map((entry) => [entry.path, entry]));
  const young = new Map(after.map((entry) => [entry.path, entry]));
  const paths = [...new Set([...old.keys(), ...young.keys()])].sort();
  return paths.flatMap((path) => {
    const [was, is] = [old.get(path), young.get(path)];
    if (!was) return [`new: ${path}`];
    if (!is) return [`gone: ${path}`];
    return compareEntry(was, is);
  });
}

function compareEntry(was: Entry, is: Entry): readonly string[] {
  if (was.kind !== is.kind) return [`kind ${was.kind} -> ${is.kind}: ${is.path}`];
  return [
    ...(was.sha256 === is.sha256 ? [] : [`changed: ${is.path} (${was.size ?? 0} -> ${is.size ?? 0} bytes)`]),
    ...(was.target === is.target ? [] : [`target ${was.target} -> ${is.target}: ${is.path}`]),
    ...(was.device === is.device ? [] : [`device ${was.device} -> ${is.device}: ${is.path}`]),
    ...(was.mode === is.mode ? [] : [`mode ${was.mode} -> ${is.mode}: ${is.path}`]),
    ...(was.owner === is.owner && was.group === is.group
      ? []
      : [`owner ${was.owner}:${was.group} -> ${is.owner}:${is.group}: ${is.path}`]),
  ];
}

function compareLaunch(before: Launch, after: Launch): readonly string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort() as (keyof Launch)[];
  return names.flatMap((name) => {
    const [was, is] = [before[name], after[name]].map((value) => JSON.stringify(sortKeys(value)) ?? "none");
    return was === is ? [] : [`launch: ${name} ${was} -> ${is}`];
  });
}
