import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { type Report, renderReport } from "./table.ts";

/** A file per section, so that one that runs alone leaves the others' figures. Nothing in it names this machine. */
export function publishReport(name: string, report: Report, command: string, loadBefore: number): string {
  const processor = cpus()[0]?.model.trim() ?? process.arch;
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  const machine = `Measured on ${cpus().length} cores (${processor}), ${memory}, Linux ${kernel()}, Node ${process.version}, Debian 12 hosts by systemd-nspawn on this one machine; its load average before was ${loadBefore.toFixed(1)}.`;
  const text = renderReport({
    ...report,
    body: [...report.body, `${machine} Repeat it with \`${command}\`.`],
  });
  const directory = join(import.meta.dirname, "results");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.md`), text);
  return text;
}

function kernel(): string {
  return /^[\d.]+\d/.exec(readFileSync("/proc/sys/kernel/osrelease", "latin1"))?.[0] ?? "";
}
