/**
 * A connection as the lifecycle sees it: every value known, defaults filled in, `knownHosts` folded into `hostKey`
 * (provider/connection/inputs.ts does that in check). Field names are those of `@pulumi/command`.
 */
export interface Connection {
  /** The name of the `Host` it belongs to, for messages; default: `host`. */
  readonly name?: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Run everything through `sudo -n`. */
  readonly sudo: boolean;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  readonly password?: string;
  readonly agentSocketPath?: string;
  /** One or more lines `ssh-ed25519 AAAA...`; any other key is refused before authentication. */
  readonly hostKey: string;
  /** Attempts to dial, never to authenticate; default 10. */
  readonly dialErrorLimit: number;
  /** Seconds for one attempt to dial; default 15. */
  readonly perDialTimeout: number;
  /** The jump host, pinned like any other. */
  readonly proxy?: Connection;
}
