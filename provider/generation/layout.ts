/** Everything of ours that lasts on a host. The scripts know it as $STATE. */
export const stateDirectory = "/var/lib/pulumi-jail";

/** A jail's own directory: mark, record and generations. */
export function jailBase(jailName: string): string {
  return `${stateDirectory}/jails/${jailName}`;
}

/** Where the generations of a base directory lie, which need not be a Jail's: the edge's own proxy has some too. */
export function generationsDirectory(base: string): string {
  return `${base}/generations`;
}

/** The immutable tree: what a unit's `RootDirectory=` names. */
export function treeOf(base: string, digest: string): string {
  return `${generationsDirectory(base)}/${digest}`;
}

/** Everything that the generation holds and why, as JSON. */
export function manifestPath(base: string, digest: string): string {
  return `${treeOf(base, digest)}.manifest.json`;
}

/** What packages put into directories that the daemon writes; absent when there is nothing. */
export function seedPath(base: string, digest: string): string {
  return `${treeOf(base, digest)}.seed.tar.gz`;
}
