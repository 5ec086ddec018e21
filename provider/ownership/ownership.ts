/** The mark that every object of ours on a host carries (api: identity and claims). */
export interface Owner {
  readonly organization: string;
  readonly project: string;
  readonly stack: string;
  readonly urn: string;
  /** Drawn by create, kept in the outputs: tells one life of a resource from the next of the same name. */
  readonly claim: string;
}

/** What the host shows under the object's name. */
export type Found =
  | { readonly state: "nothing" }
  | { readonly state: "foreign" }
  | { readonly state: "owned"; readonly owner: Owner };

export type Verdict =
  | { readonly verdict: "proceed"; readonly claim: string }
  | { readonly verdict: "refuse"; readonly reason: string };

/** May a create go on, and under which claim? `drawn` is a fresh claim; nothing is ever adopted from a foreign mark. */
export function judgeCreate(found: Found, mine: Omit<Owner, "claim">, drawn: string, adopt: boolean): Verdict {
  if (found.state === "nothing") return { verdict: "proceed", claim: drawn };
  if (found.state === "foreign") return refuseForeign();
  if (found.owner.urn === mine.urn && found.owner.organization === mine.organization)
    return { verdict: "proceed", claim: drawn };
  return adopt ? { verdict: "proceed", claim: drawn } : refuseOwned(found.owner);
}

/** May an update go on? A moved or aliased state keeps its claim; another state that took the object over keeps it. */
export function judgeUpdate(found: Found, mine: Omit<Owner, "claim">, claim: string, adopt: boolean): Verdict {
  if (found.state === "nothing") return { verdict: "proceed", claim };
  if (found.state === "foreign") return refuseForeign();
  if (found.owner.claim === claim) return { verdict: "proceed", claim };
  if (adopt && found.owner.urn !== mine.urn) return { verdict: "proceed", claim };
  if (found.owner.urn === mine.urn)
    return { verdict: "refuse", reason: `another state of ${mine.urn} took it over; this state is out of date` };
  return refuseOwned(found.owner);
}

/** Delete acts only on what still shows its own claim; anything else was superseded, and deleting it is a success. */
export function mayDelete(found: Found, claim: string): boolean {
  return found.state === "owned" && found.owner.claim === claim;
}

/** The mark as the host keeps it. */
export function renderOwner(owner: Owner): string {
  const { organization, project, stack, urn, claim } = owner;
  return JSON.stringify({ organization, project, stack, urn, claim }) + "\n";
}

/** undefined text means nothing there; text that is no mark of ours is foreign. */
export function parseOwner(text: string | undefined): Found {
  if (text === undefined) return { state: "nothing" };
  try {
    const mark = JSON.parse(text) as Partial<Owner>;
    const fields = [mark.organization, mark.project, mark.stack, mark.urn, mark.claim];
    if (fields.some((field) => typeof field !== "string")) return { state: "foreign" };
    return { state: "owned", owner: mark as Owner };
  } catch {
    return { state: "foreign" };
  }
}

function refuseForeign(): Verdict {
  return { verdict: "refuse", reason: "something of this name is there that is not ours (no mark); it is left alone" };
}

function refuseOwned(owner: Owner): Verdict {
  return {
    verdict: "refuse",
    reason: `it belongs to ${owner.urn} (organization ${owner.organization}); adopt: true takes it over`,
  };
}
