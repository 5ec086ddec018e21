/**
 * The hidden input `__jail` of every resource: what the engine tells no dynamic provider. Keys that begin with `__`
 * are not displayed, and our diff ignores it but for `replaceOnChanges`.
 */
export interface Hidden {
  readonly schema: 1;
  /** The Pulumi name: default of the explicit names. */
  readonly name: string;
  /** Name of the `Host`, or the connection's address. */
  readonly host: string;
  readonly urn: string;
  readonly organization: string;
  /** `customTimeouts` in seconds; they never reach a dynamic provider otherwise. */
  readonly timeouts: { readonly create?: number; readonly update?: number; readonly delete?: number };
  readonly replaceOnChanges: readonly string[];
  /** Of a fleet's member: `wave 2 of 3`, told with whatever changes; a program's order is not seen otherwise. */
  readonly wave?: string;
}

/** Outputs that every resource has besides its own. */
export interface CommonOutputs {
  /** A sentence per artefact that differs from what was declared; not empty means that there is something to do. */
  readonly drift: readonly string[];
  /** The last create or update failed half-way; the next `up` goes on with it. */
  readonly unfinished: boolean;
  /** Whose life this is (see Owner). */
  readonly claim: string;
  /** The machine's own id, so that one host key on two machines is noticed. */
  readonly hostId: string;
}
