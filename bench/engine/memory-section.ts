import { randomUUID } from "node:crypto";
import { progress } from "../../dev/progress.ts";
import type { Run, Stack } from "../../test/support/engine.ts";
import { bytes } from "../figures.ts";
import { mustSucceed, type Site } from "../site.ts";
import { type Report, table } from "../table.ts";
import { watchProviderMemory } from "./memory.ts";

type UpdateOptions = NonNullable<Parameters<Stack["up"]>[0]>;

/** Memory of the provider process, beside that of a provider that does nothing. Leaves the example up. */
export async function memorySection(site: Site): Promise<Report> {
  await site.ensureGone();
  if (site.empty.resources().length > 0) mustSucceed(await site.empty.destroy());
  const runs: readonly (readonly [string, (stack: Stack, options: UpdateOptions) => Promise<Run>])[] = [
    ["first up", (stack, options) => stack.up(options)],
    ["no-op up", (stack, options) => stack.up(options)],
    ["preview --refresh", (stack, options) => stack.preview({ ...options, refresh: true })],
  ];
  const rows: string[][] = [];
  for (const [name, run] of runs) {
    const ours = await peakOf((options) => run(site.stack, options));
    const empty = await peakOf((options) => run(site.empty, options));
    rows.push([
      name,
      bytes(ours.largest),
      bytes(empty.largest),
      bytes(ours.largest - empty.largest),
      `${ours.processes}`,
    ]);
    progress(`${name}: provider ${bytes(ours.largest)}, empty provider ${bytes(empty.largest)}`);
  }
  mustSucceed(await site.empty.destroy());
  return {
    title: "Memory of the provider process",
    targets: [],
    body: [
      table(["operation", "pulumi-jail", "empty provider", "difference", "provider processes"], rows),
      `Highest resident memory (\`VmHWM\`) of the largest provider process (\`pulumi-resource-pulumi-nodejs\`: Node with Pulumi's SDK, which every
dynamic provider is), read every 150 ms. All 7 resources on 3 hosts share it.`,
    ],
  };
}

async function peakOf(
  run: (options: UpdateOptions) => Promise<Run>,
): Promise<{ readonly largest: number; readonly processes: number }> {
  const mark = `PULUMI_JAIL_BENCH=${randomUUID()}`;
  const watch = watchProviderMemory(mark);
  try {
    mustSucceed(await run({ env: { PULUMI_JAIL_BENCH: mark.split("=")[1] ?? "" } }));
  } finally {
    watch.stop();
  }
  const peaks = watch.stop();
  if (peaks.length === 0) throw new Error("no provider process was seen");
  return { largest: peaks[0] ?? 0, processes: peaks.length };
}
