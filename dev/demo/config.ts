/** What a stack's configuration says of one host. */
export interface ConfiguredHost {
  readonly name: string;
  readonly address: string;
  readonly user: string;
  readonly hostKey: string;
}

const KEY = "  pulumi-jail:hosts:";

/**
 * A Pulumi.STACK.yaml with these hosts in `pulumi-jail:hosts`. Everything else stays as it is: the salt, and what a user
 * set with `pulumi config set`.
 */
export function withHosts(yaml: string, hosts: readonly ConfiguredHost[]): string {
  const value = Object.fromEntries(
    hosts.map(({ name, address, user, hostKey }) => [name, { connection: { host: address, user, hostKey } }]),
  );
  const kept = withoutHosts(yaml.split("\n"));
  const lines = kept.includes("config:") ? kept : [...kept, "config:"];
  const at = lines.indexOf("config:") + 1;
  // JSON is YAML, and on one line it is easily found again.
  return `${[...lines.slice(0, at), `${KEY} ${JSON.stringify(value)}`, ...lines.slice(at)].join("\n")}\n`;
}

/** The CLI rewrites the file in block style when it sets something: the key goes with all that is indented under it. */
function withoutHosts(lines: readonly string[]): string[] {
  let inside = false;
  return lines.filter((line) => {
    if (line.startsWith(KEY)) inside = true;
    else if (inside && !line.startsWith("   ")) inside = false;
    return !inside && line !== "" && line !== "config: {}";
  });
}
