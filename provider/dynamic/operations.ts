import { randomUUID } from "node:crypto";
import type { DiffResult } from "@pulumi/pulumi/dynamic/index.js";
import { checkConnection } from "../connection/inputs.ts";
import { HostError, isChangedMeanwhile } from "../host/errors.ts";
import { hostFor } from "../host/pool.ts";
import { onSameMachine } from "../host/same-machine.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import { type Call, type CommonInputs, type ResourceKind, Unfinished } from "../resource/kind.ts";
import { containsUnknown, isUnknown } from "../resource/unknown.ts";
import { engineLogFor } from "./engine-log.ts";

type Properties = Readonly<Record<string, unknown>>;
type Inputs = CommonInputs & Properties;
type State = Inputs & CommonOutputs;
export type Kind = ResourceKind<Inputs, CommonOutputs & Properties>;

const DEFAULT_DEADLINE_SECONDS = 600;

/** `check` of a dynamic resource: the connection's failures and the kind's own, all at once. */
export async function check(kind: Kind, olds: Properties | undefined, news: Properties) {
  const { connection, failures } = checkConnection(news["connection"]);
  const checked = kind.check(withoutProvider(olds ?? {}) as Partial<Inputs>, { ...withoutProvider(news), connection });
  // The engine asks for no diff of what is new.
  const wave = olds?.["__jail"] === undefined ? checked.inputs.__jail?.wave : undefined;
  if (wave !== undefined && !isUnknown(wave)) engineLogFor(urnOf(checked.inputs)).info(wave);
  for (const text of checked.warnings ?? []) engineLogFor(urnOf(checked.inputs)).warn(text);
  return { inputs: plain(checked.inputs), failures: [...failures, ...checked.failures] };
}

/** `diff`: what the table says, and its notes on the resource's row. */
export async function diff(kind: Kind, _id: string, olds: Properties, news: Properties): Promise<DiffResult> {
  const inputs = withoutProvider(news) as Inputs;
  const { changes, replaces, deleteBeforeReplace, notes } = kind.diff(withoutProvider(olds) as State, inputs);
  const log = engineLogFor(urnOf(inputs));
  const { wave } = inputs.__jail ?? {};
  for (const note of changes && wave !== undefined ? [wave, ...notes] : notes) log.info(note);
  return { changes, replaces: [...replaces], deleteBeforeReplace };
}

/** `create`: converge under a fresh claim; what is half done stays in the state with its id. */
export async function create(kind: Kind, news: Properties) {
  const inputs = withoutProvider(news) as Inputs;
  const call = callFor(inputs, randomUUID(), inputs.__jail.timeouts.create);
  const outs = await converge(kind, call, news, inputs, undefined);
  return { id: kind.id(inputs), outs };
}

/** `update`: the same flow, under the state's claim. */
export async function update(kind: Kind, _id: string, olds: Properties, news: Properties) {
  const inputs = withoutProvider(news) as Inputs;
  const state = withoutProvider(olds) as State;
  const call = callFor(inputs, state.claim, inputs.__jail.timeouts.update, hostIdFor(inputs, state));
  return { outs: await converge(kind, call, news, inputs, state) };
}

/** `read`: no inputs are returned, so a clean refresh is silent and drift shows as drift (api: rules). */
export async function read(kind: Kind, id: string, olds: Properties) {
  const state = withoutProvider(olds) as State;
  if (state.claim === undefined) return readGiven(kind, id, state);
  try {
    const outputs = await kind.read(callFor(state, state.claim, undefined, state.hostId), state);
    return outputs ? { id, props: plain({ ...state, ...outputs }) } : {};
  } catch (error) {
    if (mayForget(error, state)) return {};
    throw error;
  }
}

/** `.get`: the engine passes what the program gave, unchecked, and there is no life of ours to be told from another's. */
async function readGiven(kind: Kind, id: string, given: Properties) {
  const { connection, failures } = checkConnection(given["connection"]);
  if (failures.length > 0) throw new Error(failures.map(({ property, reason }) => `${property}: ${reason}`).join("\n"));
  const inputs = kind.check(undefined, { ...given, connection }).inputs as Inputs;
  const call = callFor(inputs, "", undefined);
  const outputs = await kind.read(call, inputs as State);
  // An answer without id would pass: the engine looks at the properties, in which the shim always is.
  if (!outputs) throw new Error(`${kind.kind} ${id} does not exist on ${call.host.label}`);
  return { id, props: plain({ ...inputs, ...outputs }) };
}

/** `delete`; a host that is gone for good is passed over only when the environment names it. */
export async function remove(kind: Kind, _id: string, olds: Properties): Promise<void> {
  const state = withoutProvider(olds) as State;
  try {
    const call = callFor(state, state.claim, state.__jail.timeouts.delete);
    await withFreshLook(() => kind.remove(call, state));
  } catch (error) {
    if (!mayForget(error, state)) throw withHint(error, state);
    engineLogFor(urnOf(state)).warn(`${state.__jail.host} can't be reached; what was there is left and forgotten`);
  }
}

async function converge(kind: Kind, call: Call, news: Properties, inputs: Inputs, state: State | undefined) {
  try {
    return plain({ ...inputs, ...(await withFreshLook(() => kind.converge(call, inputs, state))), unfinished: false });
  } catch (error) {
    if (!(error instanceof Unfinished)) throw error;
    const properties = { ...inputs, ...error.outputs, unfinished: true, __provider: news["__provider"] };
    // Without __provider a later refresh or destroy dies with "code must be a string".
    throw Object.assign(new Error(error.message), {
      id: kind.id(inputs),
      properties: plain(properties),
      reasons: [...error.reasons],
    });
  }
}

/** Once more when another run, such as the rest of one that was killed, changed the object between look and lock. */
async function withFreshLook<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!isChangedMeanwhile(error)) throw error;
    return run();
  }
}

/** The machine that an update has to find; a host with a new key may be a new installation. */
function hostIdFor(inputs: Inputs, state: State): string | undefined {
  return inputs.connection.hostKey === state.connection.hostKey ? state.hostId : undefined;
}

function callFor(inputs: Inputs, claim: string, deadlineSeconds: number | undefined, hostId?: string): Call {
  const { urn, organization } = inputs.__jail;
  // urn:pulumi:STACK::PROJECT::TYPE::NAME
  const [stack = "", project = ""] = urn.replace(/^urn:pulumi:/, "").split("::");
  const log = engineLogFor(urn);
  return {
    host: onSameMachine(hostFor(inputs.connection), hostId),
    progress: log.status,
    warn: log.warn,
    info: log.info,
    owner: { organization, project, stack, urn, claim },
    deadlineSeconds: deadlineSeconds ?? DEFAULT_DEADLINE_SECONDS,
    hostFor,
  };
}

/** PULUMI_JAIL_DELETE_UNREACHABLE names hosts, by comma, that are gone for good. */
function mayForget(error: unknown, state: State): boolean {
  const names = (process.env["PULUMI_JAIL_DELETE_UNREACHABLE"] ?? "").split(",");
  return isUnreachable(error) && names.includes(state.__jail.host);
}

function withHint(error: unknown, state: State): unknown {
  if (!isUnreachable(error)) return error;
  return new Error(
    `${(error as Error).message}\n  if the host is gone for good: PULUMI_JAIL_DELETE_UNREACHABLE=${state.__jail.host}, or the option deletedWith`,
  );
}

function isUnreachable(error: unknown): boolean {
  return error instanceof HostError && (error.kind === "unreachable" || error.kind === "timeout");
}

function urnOf(inputs: Inputs): string | undefined {
  const urn = inputs.__jail?.urn;
  return urn && !isUnknown(urn) && !containsUnknown(urn) ? urn : undefined;
}

function withoutProvider(properties: Properties): Properties {
  const { __provider: _, ...rest } = properties;
  return rest;
}

/** A copy without `undefined` at any depth: protobuf's Struct throws on it. */
function plain(value: unknown): Record<string, unknown> {
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}
