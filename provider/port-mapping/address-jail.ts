import { closeBuildRootStep, discover } from "../discovery/discover.ts";
import { assembleSteps } from "../generation/assemble.ts";
import { completeManifest } from "../generation/fixed.ts";
import { generationDigest } from "../manifest/digest.ts";
import type { Entry } from "../manifest/manifest.ts";
import type { Call } from "../resource/kind.ts";
import { ADDRESS_CONFIGURATION, ADDRESS_JAIL_BASE } from "./address-unit.ts";
import type { PlannedJail } from "./jail.ts";

/** Builds keepalived's jail from the distribution's package; nothing is installed on the edge. */
export async function buildAddressJail(call: Call, mappingName: string): Promise<PlannedJail> {
  const id = `address-${mappingName}`;
  const { manifest, buildRoot } = await discover(call.host, SPEC, {
    id,
    urn: call.owner.urn,
    lock: "edge",
    progress: call.progress,
  });
  const complete = completeManifest({ ...manifest, entries: [...manifest.entries, CONFIGURATION] });
  return {
    digest: generationDigest(complete),
    steps: [
      ...assembleSteps({ base: ADDRESS_JAIL_BASE, manifest: complete, source: buildRoot }),
      closeBuildRootStep(id),
    ],
  };
}

const CONFIGURATION: Entry = {
  path: ADDRESS_CONFIGURATION,
  kind: "directory",
  mode: "0755",
  owner: "root",
  group: "root",
  why: ["mount point of keepalived's configuration"],
};

/** By what its program is linked with: a start here would take part in the network's elections. */
const SPEC = {
  packages: ["keepalived"],
  programs: ["/usr/sbin/keepalived"],
  include: [],
  exclude: [],
  users: [],
  files: {},
  discovery: { method: "static", deadlineSeconds: 300, rounds: 0 },
} as const;
