import { closeBuildRootStep, discover } from "../discovery/discover.ts";
import { assembleSteps } from "../generation/assemble.ts";
import { completeManifest } from "../generation/fixed.ts";
import { EDGE_CONFIGURATION } from "../haproxy/paths.ts";
import { generationDigest } from "../manifest/digest.ts";
import type { Entry } from "../manifest/manifest.ts";
import type { Call } from "../resource/kind.ts";
import type { PlannedJail } from "./jail.ts";
import { EDGE_JAIL_BASE } from "./unit.ts";

/**
 * Builds the jail from the distribution's package, as any jail is built; nothing is installed on the edge. `renew` names
 * packages that are to be brought up to date.
 */
export async function buildJail(call: Call, mappingName: string, renew: readonly string[]): Promise<PlannedJail> {
  // By mapping, so that two stacks which bring up one edge at once do not take each other's build root away.
  const id = `edge-${mappingName}`;
  const { manifest, buildRoot } = await discover(
    call.host,
    { ...SPEC, renew },
    {
      id,
      urn: call.owner.urn,
      lock: "edge",
      progress: call.progress,
    },
  );
  const complete = completeManifest({
    ...manifest,
    entries: [...manifest.entries.filter(({ path }) => !isDistributions(path)), CONFIGURATION],
  });
  return {
    digest: generationDigest(complete),
    steps: [...assembleSteps({ base: EDGE_JAIL_BASE, manifest: complete, source: buildRoot }), closeBuildRootStep(id)],
  };
}

/** What the traced start read: the configuration of the distribution's own haproxy.service, which this one never sees. */
function isDistributions(path: string): boolean {
  return path === "/etc/haproxy" || path.startsWith("/etc/haproxy/");
}

/** The unit binds the edge's own configuration over it; systemd would make the missing mount point in the tree. */
const CONFIGURATION: Entry = {
  path: EDGE_CONFIGURATION,
  kind: "directory",
  mode: "0755",
  owner: "root",
  group: "root",
  why: ["mount point of the edge's configuration"],
};

const SPEC = {
  packages: ["haproxy"],
  unit: "haproxy.service",
  programs: [],
  include: [],
  exclude: [],
  users: [],
  files: {},
  // Not tried: the edge's unit, configuration and capabilities are its own, and its start is checked by its plan.
  discovery: { method: "trace", deadlineSeconds: 300, rounds: 0 },
} as const;
