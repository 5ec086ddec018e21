import { join } from "node:path";
import { cacheDirectory } from "../paths.ts";

/** Directory of the base trees, which may be made again at any time. */
export function baseDirectory(): string {
  return join(cacheDirectory(), "hosts");
}

/** Directory of the runs and their hosts' roots; `PULUMI_JAIL_DEV_STATE` moves it. It must be on a file system that overlays accept as upper. */
export function stateDirectory(): string {
  return process.env["PULUMI_JAIL_DEV_STATE"] ?? "/var/lib/pulumi-jail-dev";
}

/** Directory of one run: its record, keys and hosts. */
export function runDirectory(run: string): string {
  return join(stateDirectory(), "runs", run);
}

/** Paths of one host on the machine. */
export interface HostPaths {
  readonly directory: string;
  /** The host's `/`. */
  readonly root: string;
  /** What the host wrote to its console, and systemd-nspawn's own words. */
  readonly console: string;
  /** The mark of the process that keeps the host running. */
  readonly supervisor: string;
}

/** The paths of one host. */
export function hostPaths(run: string, host: string): HostPaths {
  const directory = join(runDirectory(run), "hosts", host);
  return {
    directory,
    root: join(directory, "root"),
    console: join(directory, "console.log"),
    supervisor: join(directory, "supervisor.json"),
  };
}

/** Names in the kernel that follow from a run's slot. An interface's name has at most 15 characters (IFNAMSIZ). */
export interface KernelNames {
  readonly bridge: string;
  readonly table: string;
}

/** The kernel names of a slot. */
export function kernelNames(slot: number): KernelNames {
  return { bridge: `pjdev${slot}`, table: `pjdev${slot}` };
}

/** Name of a host towards systemd-nspawn. */
export function machineName(slot: number, index: number): string {
  return `pj${slot}h${index}`;
}

/** The machine's end of a host's cable; systemd-nspawn names it so for `--network-bridge=`. */
export function cableName(machine: string): string {
  return `vb-${machine}`;
}

/** Name of a host's control group, in every hierarchy. */
export function groupName(machine: string): string {
  return `pjdev-${machine}`;
}
