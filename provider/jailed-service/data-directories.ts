import { socketPaths } from "../systemd/socket-unit.ts";
import type { Surroundings } from "./desired.ts";
import { type JailedServiceInputs, sharesData } from "./inputs.ts";
import { SERVICES, VOLUMES } from "./names.ts";

/** A directory for data that the service owns. */
export interface DataDirectory {
  readonly hostPath: string;
  readonly jailPath: string;
  /** "-" when it is the seed's own. */
  readonly mode: string;
  readonly readOnly: boolean;
  /** The generation's seeds that concern it: at the same path, above it or below it. */
  readonly seeds: readonly string[];
}

/** What decides which directories there are. */
type DataSources = Pick<Surroundings, "launch" | "seeds">;

/** The paths of the jail that get something bound or mounted over them: each must be in the tree, or systemd makes it there. */
export function mountPointsOf(inputs: JailedServiceInputs, sources: DataSources): readonly string[] {
  const { launch } = sources;
  return [
    ...optionalFiles,
    ...Object.keys(inputs.configFiles ?? {}),
    ...dataDirectories(inputs, sources).map(({ jailPath }) => jailPath),
    ...launch.writable.map(({ path }) => path),
    ...Object.values(inputs.connects ?? {}).flatMap(({ jailPath }) => (jailPath ? [parentOf(jailPath)] : [])),
  ];
}

/** Bound over when the tree has them. */
export const optionalFiles: readonly string[] = [
  "/etc/passwd",
  "/etc/group",
  "/etc/hosts",
  "/etc/hostname",
  "/etc/resolv.conf",
];

/** Volumes, and scratch directories for what the program writes besides; scratch goes with the service. */
export function dataDirectories(inputs: JailedServiceInputs, { launch, seeds }: DataSources): readonly DataDirectory[] {
  const modes = new Map(launch.writable.map(({ path, mode }) => [path, mode]));
  const seedsAt = (jailPath: string) =>
    seeds.map(({ path }) => path).filter((path) => isWithin(path, jailPath) || isWithin(jailPath, path));
  const volumes = Object.values(inputs.volumes ?? {}).map(({ volumeName, jailPath, readOnly = false }) => {
    const isPart = seeds.some(({ path }) => path !== jailPath && isWithin(jailPath, path));
    const mode = modes.get(jailPath) ?? (isPart ? "-" : "0750");
    return { hostPath: `${VOLUMES}/${volumeName}`, jailPath, mode, readOnly, seeds: seedsAt(jailPath) };
  });
  const scratch = launch.writable
    .filter(({ kind, path }) => kind !== "runtime" && !volumes.some((volume) => isWithin(path, volume.jailPath)))
    .map(({ path, mode }) => scratchOf(inputs, path.slice(1).replaceAll("/", "-"), path, mode, seedsAt(path)));
  // Where systemd opens the socket, nobody else may write.
  const passed = new Set((launch.sockets ?? []).flatMap(socketPaths));
  const sockets = Object.entries(inputs.ports).flatMap(([key, { socket }]) =>
    socket && !passed.has(socket) ? [scratchOf(inputs, `socket-${key}`, parentOf(socket), "0755", [])] : [],
  );
  return [...volumes, ...scratch, ...sockets];
}

/**
 * Directories with data for which no volume is declared. What the daemon changed of what its packages put there is data;
 * what it only read is not, nor are caches and logs.
 */
export function dataWithoutVolume(inputs: JailedServiceInputs, { launch, seeds }: DataSources): readonly string[] {
  const volumes = Object.values(inputs.volumes ?? {});
  return launch.writable
    .filter(({ kind, path }) => kind === "state" && seeds.some((seed) => seed.path === path && seed.changed === true))
    .map(({ path }) => path)
    .filter((path) => !volumes.some(({ jailPath }) => isWithin(path, jailPath)));
}

/** Told when it is first seen, and before a replacement. */
export function describeUnkept(path: string): string {
  return `${path} holds data and no volume is declared: it is removed with the service`;
}

/** Whether the two slots must never run at once: they would work on the same data. */
export function excludesOther(inputs: JailedServiceInputs, sources: DataSources): boolean {
  if (inputs.switchover === "restart" || sharesData(inputs.volumes).length > 0) return true;
  return dataWithoutVolume(inputs, sources).length > 0;
}

function scratchOf(
  { serviceName }: JailedServiceInputs,
  name: string,
  jailPath: string,
  mode: string,
  seeds: readonly string[],
): DataDirectory {
  return { hostPath: `${SERVICES}/${serviceName}/scratch/${name}`, jailPath, mode, readOnly: false, seeds };
}

/** The directory that holds it. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
