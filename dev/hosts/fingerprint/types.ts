/** What a host consists of, in sections of named things: the scoreboard's H. Times, counters and process numbers are left out. */
export interface Fingerprint {
  /** Every file by its path: type, mode, owner, and contents' hash, target, device or extended attributes where it has them. */
  readonly files: Section;
  /** Unit files with their enablement, and every unit that is not inactive. */
  readonly units: Section;
  readonly mounts: Section;
  readonly users: Section;
  readonly groups: Section;
  /** nftables tables, without handles and counters. */
  readonly nftables: Section;
  /** Named network namespaces, and the links inside. */
  readonly namespaces: Section;
  /** Links and their addresses. */
  readonly links: Section;
  readonly routes: Section;
  /** Network settings that a router changes. */
  readonly sysctls: Section;
  /** TCP and UDP sockets that listen. */
  readonly sockets: Section;
  /** Processes by user and command line, without those of a login. */
  readonly processes: Section;
}

/** Things by name; each is one text or a few named ones. */
export type Section = Readonly<Record<string, string | Readonly<Record<string, string>>>>;
