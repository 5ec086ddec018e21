/** Real Linux hosts on this machine, for tests and the demo: systemd-nspawn with a real systemd and a real sshd. */
export { type BootOptions, bootHosts, findHosts, type TestHosts } from "./boot-hosts.ts";
export { diffFingerprints } from "./fingerprint/diff.ts";
export type { Fingerprint } from "./fingerprint/types.ts";
export { canBootHosts, installNeeds, missingPackages } from "./preflight.ts";
export { sweepRuns } from "./teardown.ts";
export type { TestHost } from "./test-host.ts";
export type { ExecOptions, ExecResult, HostSpec, HostState, Progress } from "./types.ts";
