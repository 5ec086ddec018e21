import * as pulumi from "@pulumi/pulumi";

/** How to reach a host; every `@pulumi/command` `remote.ConnectionArgs` is one. */
export interface ConnectionArgs {
  /** Name or address to dial. With a change of `hostKey` to a key in no way shared it is another machine: replace. */
  host: pulumi.Input<string>;
  /** Default 22. A change is an update that writes nothing. */
  port?: pulumi.Input<number>;
  /** Default "root". */
  user?: pulumi.Input<string>;
  /** Runs everything through `sudo -n`; default: whether `user` is not root. */
  sudo?: pulumi.Input<boolean>;
  /** PEM or OpenSSH text; made secret. The environment's PULUMI_JAIL_PRIVATE_KEY or _FILE comes before it. */
  privateKey?: pulumi.Input<string>;
  /** Made secret. */
  privateKeyPassword?: pulumi.Input<string>;
  /** Made secret. */
  password?: pulumi.Input<string>;
  /** Never a diff; the running process's SSH_AUTH_SOCK comes before it. */
  agentSocketPath?: pulumi.Input<string>;
  /** Lines `ssh-ed25519 AAAA...`; this or `knownHosts` is mandatory, on every hop. */
  hostKey?: pulumi.Input<string>;
  /** Text of a known_hosts file (sshd(8)); this host's keys are taken out of it. */
  knownHosts?: pulumi.Input<string>;
  /** Attempts to dial, never to authenticate; default 10. Never a diff. */
  dialErrorLimit?: pulumi.Input<number>;
  /** Seconds for one attempt; default 15. Never a diff. */
  perDialTimeout?: pulumi.Input<number>;
  /** Jump host; may have a `proxy` itself. */
  proxy?: pulumi.Input<ConnectionArgs>;
}

export interface HostArgs {
  connection: ConnectionArgs;
  /** One of the host's own addresses, where others reach its services; default `connection.host`, wrong behind NAT. */
  address?: pulumi.Input<string>;
  /** For placement by fleets. */
  labels?: Record<string, string>;
  /** How many services a fleet may place here; default 1. */
  slots?: number;
}

/** A machine, as a plain value: no resource, no state, no network. It only names what is not SSH about a host. */
export class Host {
  readonly name: string;
  readonly connection: ConnectionArgs;
  readonly address: pulumi.Input<string>;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;

  constructor(name: string, args: HostArgs) {
    this.name = name;
    this.connection = args.connection;
    this.address = args.address ?? args.connection.host;
    this.labels = args.labels ?? {};
    this.slots = args.slots ?? 1;
  }

  /** The host of that name in the stack's configuration `pulumi-jail:hosts`, which holds no secrets. */
  static fromConfig(name: string): Host {
    const hosts = new pulumi.Config("pulumi-jail").getObject<Record<string, HostArgs>>("hosts") ?? {};
    const args = hosts[name];
    if (args) return new Host(name, args);
    const names = Object.keys(hosts).sort().join(", ") || "none";
    throw new Error(`pulumi-jail:hosts has no host "${name}"; it has ${names}`);
  }
}

/** What a resource takes as `connection`, as the plain inputs `connection` and `address`. */
export function connectionInputs(given: Host | ConnectionArgs): {
  readonly hostName: string | undefined;
  readonly connection: pulumi.Input<ConnectionArgs>;
  readonly address: pulumi.Input<string>;
} {
  if (given instanceof Host)
    return {
      hostName: given.name,
      connection: { ...sealed(given.connection), ...named(given.name) },
      address: given.address,
    };
  return { hostName: undefined, connection: sealed(given), address: given.host };
}

/** Credentials become secrets here, so that no program can forget it (law 11). */
function sealed(args: ConnectionArgs): ConnectionArgs {
  const { privateKey, privateKeyPassword, password, proxy, ...plain } = args;
  return {
    ...plain,
    ...(privateKey !== undefined && { privateKey: pulumi.secret(privateKey) }),
    ...(privateKeyPassword !== undefined && { privateKeyPassword: pulumi.secret(privateKeyPassword) }),
    ...(password !== undefined && { password: pulumi.secret(password) }),
    ...(proxy !== undefined && {
      proxy: isPlain(proxy) ? sealed(proxy) : pulumi.output(proxy).apply((hop) => sealed(hop as ConnectionArgs)),
    }),
  };
}

function isPlain(proxy: pulumi.Input<ConnectionArgs>): proxy is ConnectionArgs {
  return !pulumi.Output.isInstance(proxy) && !(proxy instanceof Promise);
}

function named(name: string): { name: string } {
  return { name };
}
