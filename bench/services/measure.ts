import type { TestHost } from "../../dev/hosts/index.ts";
import { openStack, type Run, type Stack, type StateResource } from "../../test/support/engine.ts";
import { converse, type Place } from "./converse.ts";
import type { PackagedService } from "./list.ts";
import { program, programConfig } from "./program.ts";
import { protocols } from "./protocols/index.ts";

/** What one row came to. */
export interface Measured {
  readonly service: PackagedService;
  readonly jail?: JailFigures;
  /** systemd-analyze's score of the running unit. */
  readonly exposure?: number;
  /** Proportional set size of the unit's processes, in bytes. */
  readonly memory?: number;
  /** By key of port: what the server said, or why there was no answer. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** The engine's words when it did not come up. */
  readonly failure?: string;
  /** Why its host can't be used for another row. */
  readonly uncleared?: string;
}

export interface JailFigures {
  readonly files: number;
  readonly bytes: number;
  readonly packages: number;
  /** Milliseconds from the first step of the build to the last: packages, trace, inventory, tree. */
  readonly buildMs: number;
  /** Milliseconds of trace and inventory alone. */
  readonly discoveryMs: number;
}

export interface Answer {
  readonly ok: boolean;
  readonly words: string;
}

const LONGEST_UP_MS = 300_000;
const LONGEST_DESTROY_MS = 120_000;

/** Takes one service up on a host by `pulumi up`, talks to it, measures it, and takes it down again; in at most some 8 minutes. */
export async function measureService(service: PackagedService, host: TestHost): Promise<Measured> {
  const config = {
    "pulumi-jail:hosts": { [host.name]: { connection: { host: host.address, hostKey: host.hostKey } } },
    service: programConfig(service, host.name),
  };
  const stack = await openStack({ program, config, env: { PULUMI_JAIL_PRIVATE_KEY_FILE: host.privateKeyPath } });
  const measured = await takeUp(service, host, stack).catch(
    (error: unknown): Measured => ({ service, answers: {}, failure: String(error) }),
  );
  try {
    await clear(stack, host);
    return measured;
  } catch (error) {
    return { ...measured, uncleared: String(error) };
  } finally {
    stack.close();
  }
}

async function takeUp(service: PackagedService, host: TestHost, stack: Stack): Promise<Measured> {
  const clock = stepClock(service.name);
  const run = await stack.up({ signal: AbortSignal.timeout(LONGEST_UP_MS), onDiagnostic: clock.tick });
  return look(service, host, stack, run, clock);
}

async function look(
  service: PackagedService,
  host: TestHost,
  stack: Stack,
  run: Run,
  clock: ReturnType<typeof stepClock>,
): Promise<Measured> {
  const made = (type: string): StateResource | undefined =>
    stack.resources().find((resource) => resource.type.endsWith(`:${type}`));
  const outputs = made("Jail")?.outputs;
  const jail =
    outputs?.["generation"] === undefined
      ? undefined
      : {
          files: Number(outputs["fileCount"]),
          bytes: Number(outputs["bytes"]),
          packages: Object.keys((outputs["packageVersions"] as object | undefined) ?? {}).length,
          buildMs: clock.buildMs(),
          discoveryMs: clock.discoveryMs(),
        };
  if (run.exitCode !== 0) return { service, ...(jail && { jail }), answers: {}, failure: reasonOf(run) };
  const running = made("JailedService")?.outputs ?? {};
  const exposure = (running["exposure"] as { score?: number } | undefined)?.score;
  const endpoints = running["endpoints"] as Readonly<Record<string, Endpoint>>;
  const answers: Record<string, Answer> = {};
  for (const [key, port] of Object.entries(service.ports)) {
    const endpoint = endpoints[key];
    answers[key] = await answerOf(port.speaks, host, endpoint);
  }
  const memory = await proportionalSetSize(host, String(running["unitName"]));
  return { service, ...(jail && { jail }), ...(exposure === undefined ? {} : { exposure }), memory, answers };
}

interface Endpoint {
  readonly address: string;
  readonly hostPort: number;
  readonly socketPath?: string;
}

async function answerOf(
  speaks: keyof typeof protocols,
  host: TestHost,
  endpoint: Endpoint | undefined,
): Promise<Answer> {
  if (endpoint === undefined) return { ok: false, words: "it has no endpoint" };
  const { socketPath, address, hostPort } = endpoint;
  const place: Place = socketPath === undefined ? { address, hostPort } : { host, socketPath };
  try {
    return { ok: true, words: await converse(protocols[speaks], place, 20_000) };
  } catch (error) {
    return { ok: false, words: error instanceof Error ? error.message : String(error) };
  }
}

/** Of every process in the unit's control group, whichever version the host mounts. */
async function proportionalSetSize(host: TestHost, unit: string): Promise<number> {
  const script = `group=$(systemctl show --property=ControlGroup --value "$1")
    for pid in $(cat "/sys/fs/cgroup$group/cgroup.procs" 2>/dev/null || cat "/sys/fs/cgroup/systemd$group/cgroup.procs"); do
      sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p' "/proc/$pid/smaps_rollup"
    done`;
  const { stdout } = await host.exec(["sh", "-c", script, "sh", unit], { reject: false });
  return stdout.split("\n").reduce((sum, line) => sum + Number(line) * 1024, 0);
}

/** Times by the status lines of the jail's build. */
function stepClock(name: string): {
  tick(diagnostic: { readonly urn?: string; readonly message: string }): void;
  buildMs(): number;
  discoveryMs(): number;
} {
  const seen: { readonly message: string; readonly at: number }[] = [];
  const first = (pattern: RegExp): number => seen.find(({ message }) => pattern.test(message))?.at ?? Number.NaN;
  return {
    tick: ({ urn, message }) => {
      if (urn?.endsWith(`:Jail::${name}`)) seen.push({ message, at: performance.now() });
    },
    buildMs: () => (seen.at(-1)?.at ?? Number.NaN) - (seen[0]?.at ?? Number.NaN),
    discoveryMs: () => (seen.find(({ at }) => at > first(/looking at what/))?.at ?? Number.NaN) - first(/tracing/),
  };
}

/** The message of the resource that failed, without the engine's frame around it. */
function reasonOf(run: Run): string {
  const errors = run.diagnostics.filter(({ severity, urn }) => severity === "error" && urn !== undefined);
  const texts = errors.map(({ message }) => message).filter((message) => !/update failed/.test(message));
  return texts.join("\n") || (run.exitCode === null ? "it took too long" : run.stderr.slice(-2000));
}

/** Nothing of a row may be left for the next one, whatever state it is in. */
async function clear(stack: Stack, host: TestHost): Promise<void> {
  await stack.cancel();
  const run = await stack.destroy({ signal: AbortSignal.timeout(LONGEST_DESTROY_MS) });
  if (run.exitCode !== 0) throw new Error(`${host.name} could not be cleared: ${reasonOf(run)}`);
  await host.exec(["sh", "-c", "rm -rf /var/lib/pulumi-jail/volumes"]);
}
