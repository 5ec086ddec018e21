import type { Launch } from "../manifest/launch.ts";
import type { JailedServiceInputs } from "./inputs.ts";
import { SERVICES, VOLUMES } from "./names.ts";

/** A directory for data that the service owns. */
export interface DataDirectory {
  readonly hostPath: string;
  readonly jailPath: string;
  readonly mode: string;
  readonly readOnly: boolean;
}

/** The paths of the jail that get something bound or mounted over them: each must be in the tree, or systemd makes it there. */
export function mountPointsOf(inputs: JailedServiceInputs, launch: Launch): readonly string[] {
  return [
    ...optionalFiles,
    ...Object.keys(inputs.configFiles ?? {}),
    ...dataDirectories(inputs, launch).map(({ jailPath }) => jailPath),
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
export function dataDirectories(inputs: JailedServiceInputs, launch: Launch): readonly DataDirectory[] {
  const volumes = Object.values(inputs.volumes ?? {}).map((volume) => ({
    hostPath: `${VOLUMES}/${volume.volumeName}`,
    jailPath: volume.jailPath,
    mode: launch.writable.find(({ path }) => path === volume.jailPath)?.mode ?? "0750",
    readOnly: volume.readOnly ?? false,
  }));
  const scratch = launch.writable
    .filter(({ kind, path }) => kind !== "runtime" && !volumes.some((volume) => isWithin(path, volume.jailPath)))
    .map(({ path, mode }) => data(inputs, path.slice(1).replaceAll("/", "-"), path, mode));
  const sockets = Object.entries(inputs.ports).flatMap(([key, { socket }]) =>
    socket ? [data(inputs, `socket-${key}`, parentOf(socket), "0755")] : [],
  );
  return [...volumes, ...scratch, ...sockets];
}

function data({ serviceName }: JailedServiceInputs, name: string, jailPath: string, mode: string): DataDirectory {
  return { hostPath: `${SERVICES}/${serviceName}/scratch/${name}`, jailPath, mode, readOnly: false };
}

/** The directory that holds it. */
export function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/")) || "/";
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
