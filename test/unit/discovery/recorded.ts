import { readFileSync } from "node:fs";
import { assembleManifest, type Discovery } from "../../../provider/discovery/assemble-manifest.ts";
import { parseInventory } from "../../../provider/discovery/inventory.ts";
import { unpackSections } from "../../../provider/discovery/sections.ts";
import type { DiscoverySpec } from "../../../provider/discovery/spec.ts";
import { parseTrace } from "../../../provider/discovery/trace.ts";
import type { Repair } from "../../../provider/discovery/trial.ts";

/** What a real host printed for a unit (step-inspect.sh), as the driver gets it. */
export function recordedSections(unit: string): ReadonlyMap<string, string> {
  const file = new URL(`../../fixtures/discovery/${unit}.gz`, import.meta.url);
  return unpackSections(readFileSync(file).toString("base64"));
}

/** The spec that asks for nothing but a unit, traced. */
export function specOf(unit: string, changes: Partial<DiscoverySpec> = {}): DiscoverySpec {
  return {
    packages: [],
    unit,
    include: [],
    exclude: [],
    files: {},
    users: [],
    discovery: { method: "trace", deadlineSeconds: 60 },
    ...changes,
  };
}

/** The discovery of a recorded trace. */
export function discoverRecorded(
  unit: string,
  changes: Partial<DiscoverySpec> = {},
  repairs: readonly Repair[] = [],
): Discovery {
  const sections = recordedSections(unit);
  return assembleManifest(
    specOf(unit, changes),
    parseTrace(sections),
    parseInventory(sections.get("inventory")!),
    repairs,
  );
}
