import { isDeepStrictEqual } from "node:util";
import { diffFields, type FieldTable } from "../resource/fields.ts";
import type { Diff } from "../resource/kind.ts";
import { describeUnkept } from "./data-directories.ts";
import { type JailedServiceInputs, type JailedServiceOutputs, sharesData } from "./inputs.ts";

/** Compares the state, in which `generation` is the one that serves, and the inputs. */
export function diffJailedService(olds: JailedServiceInputs & JailedServiceOutputs, news: JailedServiceInputs): Diff {
  const fields = diffFields(fieldsFor(news), olds, news);
  const lost = fields.replaces.length > 0 ? (olds.dataWithoutVolume ?? []).map(describeUnkept) : [];
  const diff = { ...fields, notes: [...fields.notes, ...lost] };
  if (!diff.replaces.includes("serviceName")) return { ...diff, notes: [...new Set(diff.notes)] };
  const volumes = (inputs: JailedServiceInputs) =>
    sharesData(inputs.volumes).map((key) => inputs.volumes?.[key]?.volumeName);
  const before = volumes(olds);
  const shared = volumes(news).find((name) => before.includes(name));
  if (shared === undefined) return diff;
  const note = `stops before the new one starts: both have volume "${shared}"`;
  return { ...diff, deleteBeforeReplace: true, notes: [...diff.notes, note] };
}

/** What a change of each input does; the notes are what the user reads in the preview. */
function fieldsFor(news: JailedServiceInputs): FieldTable<JailedServiceInputs> {
  const how =
    news.switchover === "overlap" ? "switches over without a lost connection" : "restart: some seconds without service";
  const switched = { effect: "update", note: () => how } as const;
  const rulesOnly = { effect: "update", note: () => "port rules only: the process is not touched" } as const;
  const recordOnly = { effect: "update" } as const;
  return {
    adopt: { effect: "none" },
    serviceName: { effect: "replace" },
    jailName: switched,
    generation: {
      effect: "update",
      note: (before, after) =>
        news.switchover === "overlap"
          ? `switches over from generation ${before || "none"} to ${after} without a lost connection`
          : `restart: some seconds without service, from generation ${before || "none"} to ${after}`,
    },
    ports: rulesOnly,
    endpoints: rulesOnly,
    execStart: switched,
    environment: switched,
    credentials: switched,
    configFiles: switched,
    volumes: {
      effect: "update",
      note: (before, after) => {
        if (isDeepStrictEqual(whereBound(before), whereBound(after))) return undefined;
        const dropped = Object.keys(before ?? {}).filter((key) => !after?.[key]);
        const kept = dropped.map((key) => before?.[key]?.volumeName).join(", ");
        return `restart: some seconds without service${kept ? `; volume ${kept} stays on the host` : ""}`;
      },
    },
    connects: {
      effect: "update",
      note: (before, after) =>
        sameKeys(before, after) ? "rules of its network only: the process is not touched" : how,
    },
    network: switched,
    egress: rulesOnly,
    limits: {
      effect: "update",
      note: (before, after) =>
        before?.limitNOFILE === after?.limitNOFILE ? "daemon-reload: the process is not touched" : how,
    },
    hardening: switched,
    healthCheck: recordOnly,
    switchover: recordOnly,
    drainSeconds: recordOnly,
    settleSeconds: recordOnly,
    gate: recordOnly,
  };
}

/** What of the volumes the process sees; whether one goes with the service is the record's business only. */
function whereBound(volumes: JailedServiceInputs["volumes"]) {
  return Object.entries(volumes ?? {}).map(([key, { removeOnDelete: _, ...bound }]) => [key, bound]);
}

function sameKeys(before: object | undefined, after: object | undefined): boolean {
  return (
    Object.keys(before ?? {})
      .sort()
      .join() ===
    Object.keys(after ?? {})
      .sort()
      .join()
  );
}
