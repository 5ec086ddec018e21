import { rmSync } from "node:fs";
import { ensureBase } from "./base.ts";
import { isStarted, startHost, waitUntilBooted } from "./boot.ts";
import { ensureRoot, ensureUserKey, hasRoot } from "./host-root.ts";
import { raiseSettings } from "./kernel-settings.ts";
import { hostPaths, machineName } from "./layout.ts";
import { ensureNetwork, slotsOfBridges, usedRanges } from "./network.ts";
import { bootId, isAlive, markOf } from "./process-mark.ts";
import { readRun, readRuns, withRegistry, withRun, writeRun } from "./registry.ts";
import { chooseSubnet, hostAddress } from "./subnet.ts";
import { removeRun, sweepRuns } from "./teardown.ts";
import { type TestHost, testHost } from "./test-host.ts";
import type { HostRecord, HostSpec, Progress, RunRecord } from "./types.ts";

/** What to boot. */
export interface BootOptions {
  /** Name of the run on this machine; the same name finds its hosts again. */
  readonly run: string;
  /** The hosts, in the order of their addresses. */
  readonly hosts: readonly (string | HostSpec)[];
  /** True leaves the hosts up when this process ends; default false: the next run's sweep clears them. */
  readonly keep?: boolean;
  /** Told each long step; default nobody. */
  readonly progress?: Progress;
}

/** The hosts of a run. */
export interface TestHosts {
  readonly run: string;
  /** The network they are in, such as `10.213.1.0/24`. */
  readonly subnet: string;
  readonly hosts: readonly TestHost[];
  /** The host of that name; throws when the run has none. */
  host(name: string): TestHost;
  /** Ends all of them and removes everything that was made for the run. */
  destroy(): Promise<void>;
}

/** Boots hosts, several at a time. Those of the run that run already are used as they are. */
export async function bootHosts(options: BootOptions): Promise<TestHosts> {
  const progress = options.progress ?? (() => {});
  const names = options.hosts.map((host) => (typeof host === "string" ? host : host.name));
  for (const name of names) checkName(name);
  await sweepRuns(progress);
  const base = await ensureBase(progress);
  return withRun(options.run, async () => {
    const record = await register(options, names);
    await ensureUserKey(record.run);
    const wanted = record.hosts.filter((host) => names.includes(host.name));
    await Promise.all(wanted.map((host) => bringUp(record, host, base, progress)));
    return attach(record, wanted);
  });
}

/** The hosts of a run that was booted before, by this process or another; boots nothing. */
export function findHosts(runName: string): TestHosts | undefined {
  const record = readRun(runName);
  return record === undefined
    ? undefined
    : attach(
        record,
        record.hosts.filter((host) => hasRoot(record, host)),
      );
}

function checkName(name: string): void {
  if (!/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) {
    throw new Error(`"${name}" is no name for a host: lower case letters, digits and dashes`);
  }
}

function register(options: BootOptions, names: readonly string[]): Promise<RunRecord> {
  return withRegistry(async () => {
    const known = readRun(options.run);
    const owner = markOf(process.pid);
    if (owner === undefined) throw new Error("this process has no entry in /proc");
    if (known !== undefined && !known.keep && known.owner.pid !== owner.pid && isAlive(known.owner)) {
      throw new Error(
        `run ${options.run} belongs to process ${known.owner.pid}, which is at work: choose another name`,
      );
    }
    const { slot, subnet } =
      known ?? chooseSubnet([...readRuns().map((other) => other.slot), ...slotsOfBridges()], await usedRanges());
    if (known !== undefined && known.bootId !== bootId()) forgetProcesses(known);
    const hosts: HostRecord[] = [...(known?.hosts ?? [])];
    for (const name of names) {
      if (hosts.some((host) => host.name === name)) continue;
      const index = hosts.length + 1;
      hosts.push({ name, machine: machineName(slot, index), address: hostAddress(subnet, index) });
    }
    const record: RunRecord = {
      ...{ run: options.run, slot, subnet, owner, bootId: bootId(), hosts },
      keep: options.keep ?? known?.keep ?? false,
    };
    writeRun(record);
    await ensureNetwork(record);
    raiseSettings();
    return record;
  });
}

/** After a reboot of this machine the marks name processes that are not ours. */
function forgetProcesses(record: RunRecord): void {
  for (const host of record.hosts) rmSync(hostPaths(record.run, host.name).supervisor, { force: true });
}

async function bringUp(record: RunRecord, host: HostRecord, base: string, progress: Progress): Promise<void> {
  if (isStarted(record, host)) {
    progress(`host ${host.name} runs already`);
  } else {
    progress(`booting host ${host.name}`);
    await ensureRoot(record, host, base);
    await startHost(record, host);
  }
  await waitUntilBooted(record, host);
}

function attach(record: RunRecord, hosts: readonly HostRecord[]): TestHosts {
  const booted = hosts.map((host) => testHost(record, host));
  return {
    run: record.run,
    subnet: record.subnet,
    hosts: booted,
    host: (name) => {
      const found = booted.find((host) => host.name === name);
      if (found === undefined)
        throw new Error(`run ${record.run} has no host ${name}, only ${booted.map((host) => host.name).join(", ")}`);
      return found;
    },
    destroy: () => removeRun(record.run),
  };
}
