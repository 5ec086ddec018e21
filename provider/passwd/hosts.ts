import { createHash } from "node:crypto";

/** The jail's hosts: localhost, the host's own name (ProtectHostname= keeps it) and what it connects to. */
export function renderHosts(hostname: string, jailAddress: string, names: Readonly<Record<string, string>>): string {
  return (
    [
      "127.0.0.1 localhost",
      "::1 localhost ip6-localhost ip6-loopback",
      `${jailAddress} ${hostname}`,
      ...Object.keys(names)
        .sort()
        .map((name) => `${names[name]} ${name}`),
    ].join("\n") + "\n"
  );
}

/** The jail's resolv.conf: the host's name servers, but those that answer on the host's loopback only. */
export function renderResolvConf(nameservers: readonly string[]): string {
  return nameservers
    .filter((server) => !server.startsWith("127.") && server !== "::1")
    .map((server) => `nameserver ${server}\n`)
    .join("");
}

/** Name of the service's own user on its host: at most 31 characters (useradd(8)), so long names end in a hash. */
export function userName(serviceName: string): string {
  const whole = `pj-${serviceName}`;
  return whole.length <= 31 ? whole : `${whole.slice(0, 22)}-${digest(serviceName).slice(0, 8)}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
