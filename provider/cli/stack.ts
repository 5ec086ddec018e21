import { chooseCredential } from "../host/credential.ts";
import type { JailInputs, JailOutputs } from "../jail/inputs.ts";
import type { JailedServiceInputs, JailedServiceOutputs } from "../jailed-service/inputs.ts";
import { compareText } from "../manifest/entries.ts";
import type { PortMappingInputs, PortMappingOutputs } from "../port-mapping/inputs.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import type { CommonInputs } from "../resource/kind.ts";
import { runPulumi } from "./pulumi.ts";
import { UsageError } from "./usage.ts";
import type { Words } from "./words.ts";

/** A resource as a state or a preview has it. */
export interface Known<Properties extends CommonInputs> {
  readonly urn: string;
  /** The host's name, as the program gives it. */
  readonly host: string;
  readonly properties: Properties;
}

export type KnownJail = Known<JailInputs & Partial<JailOutputs>>;
export type KnownService = Known<JailedServiceInputs & Partial<JailedServiceOutputs>>;
export type KnownMapping = Known<PortMappingInputs & Partial<PortMappingOutputs>>;

/** What a stack's state has of ours. */
export interface KnownStack {
  readonly stack: string;
  readonly project: string;
  readonly jails: readonly KnownJail[];
  readonly services: readonly KnownService[];
  readonly mappings: readonly KnownMapping[];
}

const typePrefix = "pulumi-nodejs:dynamic/jail:";
const jailType = `${typePrefix}Jail`;

/** Every jail of the stack's state. Secrets are only asked for where a login needs them. */
export async function jailsOfState(words: Words): Promise<readonly KnownJail[]> {
  return (await stackOfState(words)).jails;
}

/** All that the state has of ours; `secrets` reads them whether a login needs them or not. */
export async function stackOfState(words: Words, secrets = false): Promise<KnownStack> {
  let first: StateResource | undefined;
  const read = async (more: readonly string[]) => {
    const exported = JSON.parse(await runPulumi(["stack", "export", ...more], words)) as Exported;
    const resources = exported.deployment?.resources ?? [];
    first = resources[0];
    return resources.filter(({ type, delete: gone }) => type.startsWith(typePrefix) && !gone);
  };
  const shown = () => read(["--show-secrets"]);
  const known = secrets ? (await shown()).map(knownResource) : await withLogins(await read([]), shown);
  // urn:pulumi:STACK::PROJECT::TYPE::NAME
  const [stack = "", project = ""] = (first?.urn ?? "").replace(/^urn:pulumi:/, "").split("::");
  // The shape of what only our own lifecycles write.
  const of = <One>(type: string) => known.filter((one) => one.type === `${typePrefix}${type}`) as unknown as One[];
  return { stack, project, jails: of("Jail"), services: of("JailedService"), mappings: of("PortMapping") };
}

/** Every jail that the program declares, as its preview has it; lock files need not be there. */
export async function jailsOfPreview(words: Words): Promise<readonly KnownJail[]> {
  const read = async (more: readonly string[]) => {
    const env = { PULUMI_JAIL_UPDATE_MANIFESTS: "1" };
    const preview = JSON.parse(await runPulumi(["preview", "--json", ...more], { ...words, env })) as Preview;
    const states = (preview.steps ?? []).flatMap(({ newState }) => (newState === undefined ? [] : [newState]));
    return states.filter(({ type }) => type === jailType).map(({ outputs: _, ...rest }) => rest);
  };
  return (await withLogins(await read([]), () => read(["--show-secrets"]))) as unknown as KnownJail[];
}

/** The jail of that name; several hosts may each have one. */
export function pickJail(jails: readonly KnownJail[], name: string, host: string | undefined): KnownJail {
  const named = jails.filter(({ properties }) => properties.jailName === name);
  const found = host === undefined ? named : named.filter((jail) => jail.host === host);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  if (found.length > 1)
    throw new UsageError(`${name} is on several hosts; give --host ${hostsOf(named).join(" or --host ")}`);
  if (named.length > 0) throw new UsageError(`${name} is not on ${host}; it is on ${hostsOf(named).join(", ")}`);
  const known = [...new Set(jails.map(({ properties }) => properties.jailName))].sort();
  throw new UsageError(`the stack has no jail ${name}${known.length > 0 ? `; it has ${known.join(", ")}` : ""}`);
}

/** All jails of these names, or all; each on one host or `--host`. By name and host, as a state has them as they came to be. */
export function pickJails(jails: readonly KnownJail[], { rest, host }: Words): readonly KnownJail[] {
  for (const name of rest) {
    if (!jails.some(({ properties }) => properties.jailName === name)) pickJail(jails, name, host);
  }
  const named = rest.length === 0 ? jails : jails.filter(({ properties }) => rest.includes(properties.jailName));
  const chosen = host === undefined ? named : named.filter((jail) => jail.host === host);
  const order = ({ properties, host: on }: KnownJail) => `${properties.jailName} ${on}`;
  return chosen.toSorted((one, other) => compareText(order(one), order(other)));
}

interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly delete?: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

interface Exported {
  readonly deployment?: { readonly resources?: readonly StateResource[] };
}

interface Preview {
  readonly steps?: readonly { readonly newState?: StateResource }[];
}

async function withLogins(
  resources: readonly StateResource[],
  read: () => Promise<readonly StateResource[]>,
): Promise<readonly Typed[]> {
  const known = resources.map(knownResource);
  const lacking = known.some(({ properties }) => chooseCredential(properties.connection, process.env) === undefined);
  const hidden = /"\[secret\]"|"ciphertext"/.test(
    JSON.stringify(resources.map(({ inputs }) => inputs?.["connection"])),
  );
  return lacking && hidden ? (await read()).map(knownResource) : known;
}

type Typed = Known<CommonInputs & Partial<CommonOutputs>> & { readonly type: string };

function knownResource({ urn, type, inputs, outputs }: StateResource): Typed {
  const properties = revealed({ ...inputs, ...outputs }) as unknown as Typed["properties"];
  return { urn, type, host: properties.__jail.host, properties };
}

/** Secrets are objects with a mark (sdk/nodejs/runtime/rpc.ts); those that stay hidden are left out. */
function revealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revealed);
  if (value === "[secret]") return undefined;
  if (typeof value !== "object" || value === null) return value;
  const { plaintext } = value as { readonly plaintext?: string };
  if ("4dabf18193072939515e22adb298388d" in value)
    return plaintext === undefined ? undefined : revealed(JSON.parse(plaintext));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealed(item)]));
}

function hostsOf(jails: readonly KnownJail[]): readonly string[] {
  return jails.map(({ host }) => host).sort();
}
