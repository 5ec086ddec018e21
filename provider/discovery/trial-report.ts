import { describeLoosening } from "../systemd/loosening.ts";
import type { TrialReport } from "./assemble-manifest.ts";
import { denyReason } from "./deny.ts";
import { matchesGlob } from "./glob.ts";
import type { Inventory } from "./inventory.ts";
import type { DiscoverySpec } from "./spec.ts";
import type { Repair, Trial, VainCall } from "./trial.ts";

/** A daemon that does not run in its jail, after all rounds and with no sandbox around it. */
export interface TrialFailure {
  readonly unit: string;
  readonly spec: DiscoverySpec;
  /** The last run under the sandbox. */
  readonly trial: Trial;
  /** The run without a sandbox. */
  readonly bare?: Trial;
  readonly rounds: readonly (readonly Repair[])[];
  /** What it looked up in vain in that run, though the build root has it. */
  readonly vain: readonly VainCall[];
  readonly inventory: Inventory;
}

/** The one report: what was tried, what is missing, what the daemon said, and the line that would most likely mend it. */
export function describeFailure(failure: TrialFailure): string {
  const { unit, trial, bare, rounds, vain, inventory, spec } = failure;
  const missing = vain.map(({ path, canonical, how }) => {
    const reason = denyReason(canonical, inventory.facts.get(canonical));
    return `${path} (${reason ?? howWords[how] ?? "was looked up"})`;
  });
  const excluded = excludedOf(trial, spec).map((path) => `${path} (is in exclude)`);
  return [
    `${unit} ran where it was traced, and does not run in its jail: ${trial.problem}`,
    ...list("  tried", [...rounds.map((repairs, index) => describeRound(repairs, index + 1)), "without a sandbox"]),
    ...list("  missing", [...missing, ...excluded]),
    ...list("  left out, as it is this host's own data", trial.ownData ?? []),
    ...list("  not to be read by the jailed user", unreadableIn(trial)),
    ...list("  it said", trial.said.slice(-shown)),
    ...list(
      "  without a sandbox it said",
      (bare?.said ?? []).filter((line) => !trial.said.includes(line)).slice(-shown),
    ),
    `  would most likely mend it: ${describeRemedy(failure)}`,
  ].join("\n");
}

/** `repair round 1: adding /usr/lib/x.so and 2 more paths`. */
export function describeRound(repairs: readonly Repair[], round: number): string {
  const kinds = [...new Set(repairs.map(({ how }) => how))];
  const parts = kinds.map((kind) => {
    const [first = "", ...others] = repairs.filter(({ how }) => how === kind).map(({ path }) => path);
    const more =
      others.length > 0
        ? ` and ${others.length} more${kind === "user" ? "" : ` path${others.length > 1 ? "s" : ""}`}`
        : "";
    return `${kindWords[kind]} ${first}${more}`;
  });
  return `repair round ${round}: ${parts.join(", ")}`;
}

/** The lines that stay with the resource; none for a jail that was complete at the first try. */
export function describeTrial(trial: TrialReport | undefined): readonly string[] {
  if (trial === undefined) return [];
  const { loosened = [], refused } = trial;
  const rounds = [
    ...trial.rounds.map((repairs, index) => describeRound(repairs, index + 1)),
    ...loosened.map((one) => `its sandbox is loosened, as it does not run otherwise: ${describeLoosening(one)}`),
  ];
  if (refused === undefined) return rounds;
  const said = refused.said.slice(-3).map((line) => `  it said: ${line}`);
  const unreadable = list("  not to be read by the jailed user", refused.unreadable);
  const sentence = refused.shunned
    ? `it runs in its jail, yet ${refused.problem}, which may be for what exclude leaves out`
    : `its files are complete, but not every sandbox lets it run; under the default one ${refused.problem} (see JailedService: hardening)`;
  return [...rounds, [sentence, ...unreadable, ...said].join("\n")];
}

/** What is in the tree, and may not be read by a user that is not root. */
export function unreadableIn(trial: Trial): readonly string[] {
  // access(2) also asks whether it may write, as a file server of a run-time does of all that it only reads.
  const paths = trial.failed.flatMap(({ error, how, path, canonical }) =>
    error === "EACCES" &&
    !/^f?access/.test(how) &&
    path !== "" &&
    canonical !== undefined &&
    !/^\/(proc|sys|dev|run)\//.test(path)
      ? [path]
      : [],
  );
  return [...new Set(paths)];
}

const howWords: Readonly<Record<string, string>> = { run: "was to be run", open: "was to be opened" };
const kindWords: Readonly<Record<Repair["how"], string>> = {
  add: "adding",
  carry: "carrying",
  writable: "making writable",
  user: "with the user",
  type: "starting it by Type",
};
const shown = 12;

function list(title: string, lines: readonly string[]): readonly string[] {
  const rest = lines.length - shown;
  return [...lines.slice(0, shown).map((line) => `${title}: ${line}`), ...(rest > 0 ? [`${title}: ${rest} more`] : [])];
}

/** What it was to run says most, then what it opened; of equals, what it missed last before it gave up. */
function describeRemedy({ vain, spec, trial, bare }: TrialFailure): string {
  // Packages that the host has installed already make no data anew.
  if (trial.ownData !== undefined && (spec.source === undefined || spec.source === "host"))
    return 'source: { suite: ".." } with the host\'s own release, whose packages then make data of their own';
  const most = Math.max(...vain.map(weight));
  const likely = vain.filter((call) => weight(call) === most).reverse();
  const paths = [...new Set(likely.map(({ path }) => path))].slice(0, 3);
  if (paths.length > 0) return `include: ${JSON.stringify([...spec.include, ...paths])}`;
  const [excluded] = excludedOf(trial, spec);
  if (excluded !== undefined) return `an exclude that leaves ${excluded} in`;
  // Its own words: it looks at its uid, or at the owner of its files.
  if (trial.said.concat(bare?.said ?? []).some((line) => insistsOnRoot.test(line)))
    return "nothing that a jail gives: it insists on being root; a packaged option to run as its own user, if it has one";
  return "a package that it lacks, in packages; discovery: { rounds: 0 } leaves this trial out";
}

const insistsOnRoot =
  /\b(as|be|by|need|needs|require|requires|only) (the )?(root|super-?user)\b|\buid 0\b|root privileges/i;

function excludedOf(trial: Trial, spec: DiscoverySpec): readonly string[] {
  const paths = trial.failed.flatMap(({ error, path, canonical }) => {
    const out = [path, canonical ?? path].some((name) => spec.exclude.some((pattern) => matchesGlob(pattern, name)));
    return error === "ENOENT" && canonical !== undefined && out ? [path] : [];
  });
  return [...new Set(paths)].reverse();
}

function weight({ how }: VainCall): number {
  return how === "run" ? 2 : how === "open" ? 1 : 0;
}
