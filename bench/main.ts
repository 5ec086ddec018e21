/** `npm run bench [-- SECTION...]`: measures on hosts of its own, prints what it found and writes it to bench/results/. */
import { loadavg } from "node:os";
import { progress } from "../dev/progress.ts";
import { edgeSection } from "./edge/section.ts";
import { memorySection } from "./engine/memory-section.ts";
import { engineSection } from "./engine/section.ts";
import { fleetSection } from "./fleet/section.ts";
import { jailSection } from "./jail/section.ts";
import { paperSection } from "./paper/section.ts";
import { parallelSection } from "./parallel/section.ts";
import { portsSection } from "./ports/section.ts";
import { publishReport } from "./publish.ts";
import { openSite, type Site } from "./site.ts";
import type { Report } from "./table.ts";
import { throughputSection } from "./throughput/section.ts";
import { untilDone } from "./until-done.ts";
import { weightsSection } from "./weights/section.ts";

/** In the order that leaves the least to do: the first two begin without the example, the others need it. */
const SECTIONS: Readonly<Record<string, (site: Site) => Promise<Report>>> = {
  engine: engineSection,
  memory: memorySection,
  jail: jailSection,
  paper: paperSection,
  parallel: parallelSection,
  fleet: fleetSection,
  ports: portsSection,
  throughput: throughputSection,
  edge: edgeSection,
  weights: weightsSection,
};

async function main(words: readonly string[]): Promise<number> {
  const unknown = words.filter((word) => !(word in SECTIONS));
  if (unknown.length > 0) {
    progress(`there is no section ${unknown.join(", ")}; there are ${Object.keys(SECTIONS).join(", ")}`);
    return 2;
  }
  const chosen = Object.keys(SECTIONS).filter((name) => words.length === 0 || words.includes(name));
  const site = await openSite();
  let notMet = 0;
  const [loadBefore = 0] = loadavg();
  const failed: string[] = [];
  await untilDone(
    () => site.close(),
    async () => {
      for (const name of chosen) {
        progress(`section ${name}`);
        try {
          const report = await (SECTIONS[name] as (typeof SECTIONS)[string])(site);
          console.log(`\n${publishReport(name, report, `npm run bench -- ${name}`, loadBefore)}`);
          notMet += report.targets.filter((target) => !target.met).length;
        } catch (error) {
          // The other sections have figures of their own.
          failed.push(name);
          progress(`section ${name} failed: ${error instanceof Error ? error.message : error}`);
        }
      }
    },
  );
  progress(notMet === 0 ? "every target that was measured is met" : `${notMet} targets are not met`);
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
