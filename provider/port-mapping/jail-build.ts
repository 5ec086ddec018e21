import type { Call } from "../resource/kind.ts";
import type { PlannedJail } from "./jail.ts";

/** Builds the jail from the distribution's package, as any jail is built. */
export async function buildJail(_call: Call, _mappingName: string): Promise<PlannedJail> {
  throw new Error("building the edge's jail is not there yet");
}
