import * as pulumi from "@pulumi/pulumi";
import type { ConnectionArgs, Host } from "../connection/resource.ts";
import { JailResource } from "../dynamic/resource.ts";
import { jailShim } from "../dynamic/shim.ts";

/** What is in a jail. Which of a program's files those are is found out on the host, by a trace of its own unit. */
export interface JailArgs {
  /** The host that it is on. Another machine is a replacement, created first; a credential changes nothing there. */
  connection: Host | ConnectionArgs;
  /** Name on the host: a-z, 0-9 and "-", at most 40; default: the resource's name, decided once. Replaces. */
  jailName?: pulumi.Input<string>;
  /** Takes over a jail of that name which another stack made; default false: it is refused, naming the owner. */
  adopt?: boolean;
  /**
   * Packages to take files from, `apache2` or `apache2=2.4.62-1`. They need not be installed on the host and never are:
   * they go into a build root. A change builds a new generation beside what runs.
   */
  packages?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * The distribution's unit, `apache2.service`: it is started, probed, reloaded and stopped once under a trace, and its
   * command line becomes the jail's. A change builds a new generation.
   */
  unit?: pulumi.Input<string>;
  /** Without a unit: absolute paths of the programs. A change builds a new generation. */
  programs?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Where packages come from; default "host": the host's own apt sources. A suite is bootstrapped on the host, its
   * signatures checked by the host's keys, kept there for all jails with that source (some 250 MB) and gone with the
   * last; nothing of it is installed on the host. A change builds a new generation.
   */
  source?: pulumi.Input<"host" | JailSuite>;
  /**
   * Default "minimal": just what the program needs. "full" is the old way, for comparison: a whole minimal system with
   * the packages in it (some 200 MB and 6,000 files), but for setid bits, the boot loader and kernel, what identifies a
   * host, private keys, caches and logs. A change builds a new generation.
   */
  content?: pulumi.Input<"minimal" | "full">;
  /**
   * More paths, globs, or all of `package:NAME`; default none. Lifts the list of what is denied (shells, interpreters,
   * setid files, keys) for exactly these. A plain path that is nowhere becomes an empty directory, such as a volume's
   * place. A change builds a new generation.
   */
  include?: pulumi.Input<pulumi.Input<string>[]>;
  /** Paths or globs to leave out although they were used; default none. A change builds a new generation. */
  exclude?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Files by path, over those of the packages; default none. A secret is refused, as a jail's files are no place for one:
   * use the service's `configFiles` or `credentials`. A file that is not read at start is exchanged without a trace. One
   * in a directory that the daemon writes (its data) only begins a new data directory; `configFiles` holds there, too.
   */
  files?: pulumi.Input<Record<string, pulumi.Input<JailFile>>>;
  /**
   * A script of the POSIX shell that is run once in the build root, as root, after the packages and `files` are in and before
   * the trace: it makes what no package brings, such as a Java run-time of just some modules. What the service uses of it gets
   * into the jail, its tools do not. It has the host's network; never a secret. Default: none. A change builds a new generation.
   */
  prepare?: pulumi.Input<string>;
  /** How the files are found. A change builds a new generation. */
  discovery?: pulumi.Input<JailDiscovery>;
  /** More names for the service's passwd and group, besides root and those that the unit names; default none. */
  users?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * Lock file, relative to the project's directory; default none. `PULUMI_JAIL_UPDATE_MANIFESTS=1 pulumi up` writes it:
   * entries, hashes and launch. With it nothing is traced, `generation` is known in preview and equal on every host, and
   * packages come in exactly its versions until it is renewed. A change builds the generation that it says.
   */
  manifestFile?: string;
  /** Chooses a kept generation, 16 hex, and builds nothing: the way back by one argument. Default: the newest. */
  pinnedGeneration?: pulumi.Input<string>;
  /** Generations to keep besides the chosen one and those in use; default 3. Surplus ones are removed. */
  keepGenerations?: pulumi.Input<number>;
}

export interface JailSuite {
  /** A suite of Debian or of what is built like it, `sid`, `trixie`: a release other than the host's. */
  suite: pulumi.Input<string>;
  /** Address of its mirror, `http(s)://`, perhaps with `{snapshot}` in it; default: the mirror of the host's own apt. */
  mirror?: pulumi.Input<string>;
  /**
   * An archive as it was: what takes the place of `{snapshot}` in `mirror` ("20260101T000000Z"), or its whole address.
   * Signatures are checked as ever, only that they are recent is not. Default: the suite as it is.
   */
  snapshot?: pulumi.Input<string>;
}

export interface JailFile {
  /** The text, never a secret. */
  content: pulumi.Input<string>;
  /** Octal, without setuid bits; default "0644". */
  mode?: pulumi.Input<string>;
  /** By name, `root` or `user:group`; default "root". What the daemon's user may read, it may read in the jail. */
  owner?: pulumi.Input<string>;
}

export interface JailDiscovery {
  /**
   * "trace" runs the unit once, "static" follows libraries only, "none" takes `include` and `files` alone. Default: "trace"
   * with a unit, else "static".
   */
  method?: pulumi.Input<"trace" | "static" | "none">;
  /**
   * What the traced daemon is asked, one question or several in turn; default: each tcp port it listens on is connected to,
   * and asked for "/" where it keeps silent. The richer, the more of its files are seen; what it brought in is told.
   */
  probe?: pulumi.Input<Probe | pulumi.Input<Probe>[]>;
  /**
   * How often at most files are added that the daemon looked for in its jail in vain: before a generation counts, the daemon
   * is started and probed in it, under the sandbox of a service. Default 3; 0 leaves this trial out. Each round is told, and
   * so is what of the sandbox the daemon does not run in.
   */
  rounds?: pulumi.Input<number>;
  /** Seconds for start, probe, reload and stop together; default 300. */
  deadlineSeconds?: pulumi.Input<number>;
}

/** One question to a daemon while it is traced: the richer, the more of its files are seen. */
export interface Probe {
  /** Its usual port; default: what it listens on. */
  jailPort?: pulumi.Input<number>;
  /** Default: "script" with a script, "exec" with a command, "http" with a path, else "tcp". */
  type?: pulumi.Input<"http" | "tcp" | "exec" | "script">;
  /** Path of the URL; default "/". */
  path?: pulumi.Input<string>;
  /** Of the answer of HTTP, "200" or "200-399"; default: all below 400. */
  expectStatus?: pulumi.Input<string>;
  /** For "exec": program and arguments, of the build root, run beside the daemon in its trace; it has to end with 0. */
  command?: pulumi.Input<pulumi.Input<string>[]>;
  /**
   * For "script": text of a script of the POSIX shell. It runs as root on the host, in "/", with the daemon's network and
   * its tcp ports in `JAIL_PORTS`; nothing that it uses gets into the jail. It has to end with 0, within a minute.
   */
  script?: pulumi.Input<string>;
}

/** A minimal, immutable tree of what a program needs, on one host. It only builds: a JailedService chooses it and runs it. */
export class Jail extends JailResource {
  /** The name on the host. */
  declare readonly jailName: pulumi.Output<string>;
  /** The generation that services are to use: 16 hex, equal on all hosts for equal content. */
  declare readonly generation: pulumi.Output<string>;
  /** Its tree on the host. */
  declare readonly rootDirectory: pulumi.Output<string>;
  /** Name to version, of the packages that were asked for or own one of its files. */
  declare readonly packageVersions: pulumi.Output<Readonly<Record<string, string>>>;
  /** Regular files in it. */
  declare readonly fileCount: pulumi.Output<number>;
  /** Of those files; the store holds equal ones of all jails once. */
  declare readonly bytes: pulumi.Output<number>;
  /** The host it is on, for the services that use it. */
  readonly host: Host | ConnectionArgs;

  constructor(name: string, args: JailArgs, options?: pulumi.CustomResourceOptions) {
    const files = withoutSecrets(name, "files", args.files);
    const prepare = withoutSecrets(name, "prepare", args.prepare);
    super(jailShim, "Jail", name, { ...args, files, prepare }, outputs, options);
    this.host = args.connection;
  }

  /**
   * A jail that another stack made, read and never changed: its services may run in it, and while one does, that stack
   * can't remove it. Fails when there is none of that name.
   */
  static get(
    name: string,
    jailName: pulumi.Input<string>,
    args: Pick<JailArgs, "connection">,
    options?: pulumi.CustomResourceOptions,
  ): Jail {
    return new Jail(name, { connection: args.connection, jailName }, { ...options, id: jailName });
  }
}

const outputs: readonly string[] = ["jailName", "generation", "rootDirectory", "packageVersions", "fileCount", "bytes"];

/** A jail's files lie in a tree that is shared, listed in manifests and kept for a rollback: nothing of it is secret. */
function withoutSecrets(name: string, field: string, value: unknown): pulumi.Output<unknown> | undefined {
  if (value === undefined) return undefined;
  const given = pulumi.output(value);
  return pulumi.output(pulumi.isSecret(given)).apply((secret) => {
    if (secret)
      throw new Error(`Jail ${name}: ${field} holds a secret; give it to the service as configFiles or credentials`);
    return given;
  });
}
