import * as pulumi from "@pulumi/pulumi";
import { type ConnectionArgs, connectionInputs, type Host } from "../connection/resource.ts";
import type { Hidden } from "../resource/hidden.ts";
import { parseDuration } from "./duration.ts";

/** Module of all type tokens: `pulumi-nodejs:dynamic/jail:Jail`. */
const MODULE = "jail";

/** What every resource of ours tells its dynamic provider, and the outputs that all have. */
export abstract class JailResource extends pulumi.dynamic.Resource {
  /** A sentence per artefact that differs on the host from what was declared; empty after an `up`. */
  declare readonly drift: pulumi.Output<readonly string[]>;
  /** The last create or update stopped half-way; the next `up` goes on with it. */
  declare readonly unfinished: pulumi.Output<boolean>;
  /** The machine's own id (machine-id(5), hashed by us for this use). */
  declare readonly hostId: pulumi.Output<string>;

  /**
   * `args` are the resource's inputs with `connection` as plain arguments; `outputs` names what appears on `this`
   * besides. The engine tells a dynamic provider neither URN nor name nor timeouts: they go in as `__jail`.
   */
  constructor(
    shim: pulumi.dynamic.ResourceProvider,
    type: string,
    name: string,
    args: { readonly connection: Host | ConnectionArgs; readonly __wave?: string } & Readonly<Record<string, unknown>>,
    outputs: readonly string[],
    options: pulumi.CustomResourceOptions = {},
  ) {
    const { hostName, connection } = connectionInputs(args.connection);
    const absent = Object.fromEntries(
      [...outputs, "drift", "unfinished", "hostId", "claim"].map((output) => [output, undefined]),
    );
    const { __wave, ...own } = args;
    const hidden = hiddenInput(type, name, hostName ?? addressOf(args.connection), options);
    const __jail = { ...hidden, ...(__wave !== undefined && { wave: __wave }) };
    super(shim, name, { ...absent, ...own, connection, __jail }, options, MODULE, type);
  }
}

/** Field by field as `Hidden` says, with the values that only the engine's side can know still as inputs. */
function hiddenInput(
  type: string,
  name: string,
  host: pulumi.Input<string>,
  options: pulumi.CustomResourceOptions,
): { [Key in keyof Hidden]: pulumi.Input<Hidden[Key]> } {
  const token = `pulumi-nodejs:dynamic/${MODULE}:${type}`;
  const { create, update, delete: remove } = options.customTimeouts ?? {};
  return {
    schema: 1,
    name,
    host,
    urn: bare(pulumi.createUrn(name, token, options.parent)),
    organization: organizationName(),
    timeouts: {
      ...(create !== undefined && { create: parseDuration(create) }),
      ...(update !== undefined && { update: parseDuration(update) }),
      ...(remove !== undefined && { delete: parseDuration(remove) }),
    },
    replaceOnChanges: options.replaceOnChanges ?? [],
  };
}

/** Under `setMocks` there is none unless the test names one; backends without organizations call theirs so too. */
function organizationName(): string {
  try {
    return pulumi.getOrganization();
  } catch {
    return "organization";
  }
}

/**
 * A promise in place of the output: as an Output under a component the URN would wait for that component's children,
 * of which this resource is one, and hang the program.
 */
function bare<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return (output as unknown as { promise(): Promise<Value> }).promise();
}

function addressOf(connection: Host | ConnectionArgs): pulumi.Input<string> {
  return "labels" in connection ? connection.name : connection.host;
}
