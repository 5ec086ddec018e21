import { createHmac } from "node:crypto";

/**
 * The keys that a known_hosts text (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT") holds for one host, as lines
 * `TYPE BASE64`. Hashed names are understood; `@revoked` and `@cert-authority` lines are left out.
 */
export function hostKeysFor(knownHosts: string, host: string, port: number): readonly string[] {
  const wanted = port === 22 ? host : `[${host}]:${port}`;
  return knownHosts
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([names, type, key]) => names && type && key && !/^[#@]/.test(names) && matches(names, wanted))
    .map(([, type, key]) => `${type} ${key}`);
}

function matches(names: string, wanted: string): boolean {
  if (names.startsWith("|1|")) return matchesHash(names, wanted);
  const patterns = names.split(",");
  if (patterns.some((pattern) => pattern.startsWith("!") && glob(pattern.slice(1), wanted))) return false;
  return patterns.some((pattern) => !pattern.startsWith("!") && glob(pattern, wanted));
}

function matchesHash(hashed: string, wanted: string): boolean {
  const [, , salt, hash] = hashed.split("|");
  if (!salt || !hash) return false;
  return createHmac("sha1", Buffer.from(salt, "base64")).update(wanted).digest("base64") === hash;
}

function glob(pattern: string, name: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "i").test(name);
}
