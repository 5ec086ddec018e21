import { treeOf } from "../generation/layout.ts";
import type { DesiredJail } from "./desired.ts";
import type { JailOutputs } from "./inputs.ts";
import type { JailRecord } from "./record.ts";

/** The outputs, which tell what is true on the host: the generation is the newest complete one, or "". */
export function jailOutputs(
  desired: DesiredJail,
  record: JailRecord | undefined,
  rest: Pick<JailOutputs, "hostId" | "claim"> & Partial<Pick<JailOutputs, "drift" | "unfinished">>,
): JailOutputs {
  const generation = record?.generation ?? "";
  return {
    jailName: desired.jailName,
    generation,
    rootDirectory: generation === "" ? "" : treeOf(desired.base, generation),
    packageVersions: record?.packages ?? {},
    fileCount: record?.fileCount ?? 0,
    bytes: record?.bytes ?? 0,
    hostId: rest.hostId,
    claim: rest.claim,
    drift: rest.drift ?? [],
    unfinished: rest.unfinished ?? false,
  };
}
