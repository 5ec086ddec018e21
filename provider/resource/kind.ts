import type { Connection } from "../host/connection.ts";
import type { Host, Progress } from "../host/host.ts";
import type { Owner } from "../ownership/ownership.ts";
import type { CommonOutputs, Hidden } from "./hidden.ts";

/** Inputs that every resource has. */
export interface CommonInputs {
  readonly connection: Connection;
  readonly __jail: Hidden;
  readonly adopt?: boolean;
}

/**
 * One kind of resource as the runtime sees it: the same seven words for all, whatever provider protocol is in front.
 * Inputs are checked inputs; `State` is what the engine keeps: the inputs echoed, and the outputs.
 */
export interface ResourceKind<Inputs extends CommonInputs, Outputs extends CommonOutputs> {
  readonly kind: string;
  /** Offline; every failure at once; unknown values pass; fills in defaults (by the old inputs first). */
  readonly check: (olds: Partial<Inputs> | undefined, news: Readonly<Record<string, unknown>>) => Checked<Inputs>;
  /** Offline. `olds` is the whole state, `news` the checked inputs; an unknown is an update, never a replacement. */
  readonly diff: (olds: Inputs & Outputs, news: Inputs) => Diff;
  /** What names the object: the resource's id. */
  readonly id: (inputs: Inputs) => string;
  /** Outputs as the host shows them, drift filled in; undefined only when the object is certainly gone. Changes nothing. */
  readonly read: (call: Call, state: Inputs & Outputs) => Promise<Outputs | undefined>;
  /**
   * Makes the host as the inputs say; create (no `state`) and update are this one flow. Throws `Unfinished` once there
   * is something on the host that the state must remember.
   */
  readonly converge: (call: Call, inputs: Inputs, state: (Inputs & Outputs) | undefined) => Promise<Outputs>;
  /** Takes it away; done when there is nothing of this claim any more. Half gone and gone already are successes. */
  readonly remove: (call: Call, state: Inputs & Outputs) => Promise<void>;
}

/** What a lifecycle gets for one call: the host of the resource's connection and a way to tell the user its step. */
export interface Call {
  readonly host: Host;
  readonly progress: Progress;
  /** Tells the user what does not fail the call and is no drift; stays under Diagnostics. */
  readonly warn?: (text: string) => void;
  /** Tells the user something that is to stay, as a line under the resource's Diagnostics; silent when absent. */
  readonly info?: (text: string) => void;
  /** Who the resource is; `claim` is a fresh one for a create, the state's for an update. */
  readonly owner: Owner;
  /** Seconds until the call is given up, from customTimeouts; default 600. */
  readonly deadlineSeconds: number;
  /** Opens another host, as for a jump; normally unused: one resource is one host. */
  readonly hostFor: (connection: Connection) => Host;
}

export interface Checked<Inputs> {
  readonly inputs: Inputs;
  readonly failures: readonly Failure[];
  /** What the user should know already in the preview, and what fails nothing. */
  readonly warnings?: readonly string[];
}

/** `property` is the exact path, `ports.http.hostPort` or `include[2]`; the reason says what would be right. */
export interface Failure {
  readonly property: string;
  readonly reason: string;
}

export interface Diff {
  readonly changes: boolean;
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
  /** What will happen, for the info line of the preview: `restart: some seconds without service`. */
  readonly notes: readonly string[];
}

/** A create or update that left something on the host: kept in the state with its id, true outputs and reasons. */
export class Unfinished<Outputs> extends Error {
  readonly outputs: Outputs;
  readonly reasons: readonly string[];

  constructor(outputs: Outputs, reasons: readonly string[]) {
    super(reasons.join("\n"));
    this.name = "Unfinished";
    this.outputs = outputs;
    this.reasons = reasons;
  }
}
