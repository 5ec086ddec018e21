import { treeOf } from "../generation/layout.ts";
import { certificateFile } from "../haproxy/certificates.ts";
import { type Configuration, describeDigest, renderConfiguration } from "../haproxy/configuration.ts";
import { type Fragment, renderFragment } from "../haproxy/fragment.ts";
import type { Mapping } from "../haproxy/mapping.ts";
import { planRuntime, type RuntimeChange } from "../haproxy/runtime.ts";
import type { Step } from "../host/step.ts";
import { renderBundle } from "./bundle.ts";
import { driftOfFiles, lostFiles, mappingsOf } from "./drift.ts";
import type { LastChange } from "./inputs.ts";
import type { Edge } from "./observed.ts";
import { EDGE_JAIL_BASE } from "./unit.ts";

/** A change of the proxy's mappings; those of the other engine have a plan of their own (forward-plan.ts). */
type ProxyChange = Exclude<LastChange["by"], "nftables">;

/** How the change reaches the running proxy, and the steps; none when everything is as declared. */
export interface Change {
  readonly by: ProxyChange;
  readonly steps: readonly Step[];
  /** Certificates of other mappings that are lost. */
  readonly without: readonly string[];
}

/** What the edge has to be like for a mapping: its fragment, and the name that it had before, if it is a new one. */
export interface Wish {
  readonly declared: Fragment;
  readonly renamedFrom: string | undefined;
  /** The generation of the proxy's jail. */
  readonly digest: string;
  /** Texts of certificates with their keys, in the order of the mapping's. */
  readonly pems: readonly string[];
}

/** The steps to a mapping as declared on an edge whose unit and jail stand already. */
export function planMapping(wish: Wish, edge: Edge): Change {
  const { declared, renamedFrom } = wish;
  const { mapping } = declared;
  const fragment = renderFragment(declared);
  const others = mappingsOf(edge).filter((other) => other.name !== mapping.name && other.name !== renamedFrom);
  const runtime = planRuntime(mapping, edge.proxy?.servers.get(mapping.name) ?? new Map());
  const renewals = renewalsOf(mapping, edge);
  const { valid, configuration, by } = chooseConfiguration([...others, mapping], lostFiles(others, edge), (one) =>
    waysOf(one, runtime, renewals, edge),
  );
  const differ =
    filesDiffer(mapping.name, renamedFrom, fragment, configuration, edge) ||
    driftOfFiles(mapping.name, [...others, mapping], edge, configuration).length > 0;
  if (by === "record" && !differ) return { by, steps: [], without: [] };
  const mine = { name: mapping.name, pems: wish.pems };
  const bundle = renderBundle(configuration, mine, others);
  return {
    by,
    without: [...lostFiles(others, edge)],
    steps: [
      validate(wish.digest, valid, renderBundle(valid, mine, others), edge.guard),
      ...(by === "runtime-api" ? planHandover(mapping, runtime, edge) : []),
      commit(
        { name: mapping.name, renamedFrom, fragment, configuration, bundle, renewals, by, guard: edge.guard },
        by === "runtime-api" ? (handsOver(runtime) ? runtime.retire : runtime.admit) : [],
      ),
      // The workers of before serve on what they know: who takes a server away next has to wait for them.
      ...(by === "reload" && handsOver(runtime) ? [drain(mapping, runtime)] : []),
    ],
  };
}

/** The steps that take a mapping away from an edge which others go on using. */
export function planRemoval(name: string, drainSeconds: number, digest: string, edge: Edge): readonly Step[] {
  const others = mappingsOf(edge).filter((other) => other.name !== name);
  const configuration = renderConfiguration(others, lostFiles(others, edge));
  const bundle = renderBundle(configuration, { name, pems: [] }, others);
  const by = edge.proxy
    ? edge.proxy.description === describeDigest(configuration.digest)
      ? "record"
      : "reload"
    : "start";
  return [
    validate(digest, configuration, bundle, edge.guard),
    commit(
      { name, renamedFrom: undefined, fragment: "", configuration, bundle, renewals: [], by, guard: edge.guard },
      [],
    ),
    {
      step: "edge-linger",
      args: [name, String(drainSeconds)],
      describe: `waiting for the last requests of ${name}`,
    },
  ];
}

/**
 * Another mapping whose certificate is lost is served on from the memory of the running proxy, as long as no new worker has
 * to read the file; a worker that has to does without that mapping, so that it takes no other along.
 */
function chooseConfiguration(
  mappings: readonly Mapping[],
  lost: ReadonlySet<string>,
  wayOf: (configuration: Configuration) => ProxyChange,
): { readonly valid: Configuration; readonly configuration: Configuration; readonly by: ProxyChange } {
  const all = renderConfiguration(mappings);
  const by = wayOf(all);
  if (lost.size === 0) return { valid: all, configuration: all, by };
  const valid = renderConfiguration(mappings, lost);
  if (by === "runtime-api" || by === "record") return { valid, configuration: all, by };
  return { valid, configuration: valid, by: wayOf(valid) };
}

/** Whatever the description does not cover the runtime API can do; a proxy that does not run or is not in its jail starts. */
function waysOf(
  configuration: Configuration,
  runtime: RuntimeChange,
  renewals: readonly string[],
  edge: Edge,
): ProxyChange {
  if (!edge.proxy || edge.outOfJail.length > 0) return "start";
  if (edge.proxy.description !== describeDigest(configuration.digest) || runtime.stuck.length > 0) return "reload";
  return runtime.admit.length + runtime.retire.length + renewals.length > 0 ? "runtime-api" : "record";
}

/** Files whose certificate is not the declared one, on disk or in the running proxy. */
function renewalsOf(mapping: Mapping, edge: Edge): readonly string[] {
  return (mapping.tls?.certificates ?? []).flatMap(({ sha256, fingerprint }, index) => {
    const name = certificateFile(mapping.name, index);
    const found = edge.certificates.get(name);
    return found?.sha256 === sha256 && found.served === fingerprint ? [] : [name];
  });
}

function filesDiffer(
  name: string,
  renamedFrom: string | undefined,
  fragment: string,
  configuration: Configuration,
  edge: Edge,
): boolean {
  const found = edge.fragments.find((other) => other.name === name);
  return (
    found?.text !== fragment ||
    found.mode !== "600:root:root" ||
    edge.configuration?.text !== configuration.text ||
    edge.configuration.mode !== "644:root:root" ||
    edge.fragments.some((other) => other.name === renamedFrom)
  );
}

/** A server that goes was drained before, and before that another one has to be there to take its requests. */
function planHandover(mapping: Mapping, runtime: RuntimeChange, edge: Edge): readonly Step[] {
  if (!handsOver(runtime)) return [];
  const running = edge.proxy?.servers.get(mapping.name);
  const usable = mapping.servers
    .filter((server) => server.state === "ready" && server.weight > 0)
    .map(({ name }) => name);
  const stays = usable.some((name) => {
    const there = running?.get(name);
    return there?.healthy === true && there.admin === "ready";
  });
  const seconds = mapping.healthCheck.interSeconds * mapping.healthCheck.rise + mapping.timeouts.connectSeconds + 10;
  return [
    ...(runtime.admit.length > 0
      ? [
          {
            step: "edge-admit",
            args: [edge.guard],
            content: lines(runtime.admit),
            describe: `adding ${runtime.arriving.join(", ") || "servers"} to ${mapping.name}`,
          },
        ]
      : []),
    ...(!stays && usable.length > 0
      ? [
          {
            step: "edge-await",
            args: [mapping.name, String(seconds), ...usable],
            describe: `waiting for health of ${usable.join(", ")}`,
          },
        ]
      : []),
    drain(mapping, runtime),
  ];
}

function drain(mapping: Mapping, { leaving }: RuntimeChange): Step {
  return {
    step: "edge-drain",
    args: [mapping.name, String(mapping.drainSeconds), ...leaving],
    describe: `draining ${leaving.join(", ")}`,
  };
}

function handsOver(runtime: RuntimeChange): boolean {
  return runtime.leaving.length > 0;
}

function validate(digest: string, configuration: Configuration, bundle: string, guard: string): Step {
  return {
    step: "edge-validate",
    args: [treeOf(EDGE_JAIL_BASE, digest), String(Buffer.byteLength(configuration.text)), guard],
    content: `${configuration.text}${bundle}`,
    describe: "validating the configuration",
  };
}

interface Commit {
  readonly name: string;
  readonly renamedFrom: string | undefined;
  readonly fragment: string;
  readonly configuration: Configuration;
  readonly bundle: string;
  /** Files of certificates that the running proxy is told anew. */
  readonly renewals: readonly string[];
  readonly by: ProxyChange;
  readonly guard: string;
}

const HOW = { "runtime-api": "runtime", reload: "reload", start: "start", record: "record" } as const;
const DESCRIBE = {
  "runtime-api": "by the runtime API",
  reload: "with a reload",
  start: "and starting HAProxy",
  record: "on disk",
} as const;

function commit(change: Commit, commands: readonly string[]): Step {
  const { name, renamedFrom, fragment, configuration, bundle, renewals, by, guard } = change;
  return {
    step: "edge-commit",
    args: [
      name,
      renamedFrom ?? "-",
      guard,
      HOW[by],
      describeDigest(configuration.digest),
      String(Buffer.byteLength(fragment)),
      String(Buffer.byteLength(configuration.text)),
      String(Buffer.byteLength(bundle)),
      ...renewals,
    ],
    content: `${fragment}${configuration.text}${bundle}${lines(commands)}`,
    describe: `${fragment === "" ? "removing" : "writing"} mapping ${name} ${DESCRIBE[by]}`,
  };
}

function lines(commands: readonly string[]): string {
  return commands.map((command) => `${command}\n`).join("");
}
