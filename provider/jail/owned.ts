import { type Found, type Owner, parseOwner } from "../ownership/ownership.ts";
import type { ObservedJail } from "./observed.ts";

/** Whose the jail's directory is. A mark that was lost is told from something foreign by the record's claim. */
export function foundOwner(observed: ObservedJail, mine: Owner): Found {
  if (observed.ownerText !== undefined) return parseOwner(observed.ownerText);
  if (observed.record?.claim === mine.claim) return { state: "owned", owner: mine };
  return observed.directory === "full" ? { state: "foreign" } : { state: "nothing" };
}
