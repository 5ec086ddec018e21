import { certificatePath } from "../haproxy/certificates.ts";
import { parseFragment } from "../haproxy/fragment.ts";
import { parseRunning } from "../haproxy/running.ts";
import type { Question } from "../host/question.ts";
import { parseForwardMark } from "../nftables/forward.ts";
import type { Edge, FoundFile } from "./observed.ts";

/** Everything but the jail's files, in one question. */
export function observeEdge(bindPort: number): Question<Edge> {
  return { ask: "edge", args: [String(bindPort)], parse: parseEdge };
}

function parseEdge(text: string): Edge {
  const lines = text.split("\n").filter((line) => line !== "");
  const all = (key: string) =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.split(" ").slice(1));
  const one = (key: string): readonly string[] => {
    const [words] = all(key);
    if (words === undefined) throw new Error(`no ${key} in the answer`);
    return words;
  };
  const unit = parseShow(decode(one("show")[0]!));
  const user = decode(one("user")[0]!);
  const running = ["active", "reloading"].includes(unit["ActiveState"] ?? "");
  const [info, servers] = running ? [one("info")[0]!, one("servers")[0]!] : ["-", "-"];
  const processes = all("process");
  const served = new Map(all("served").map(([path, fingerprint]) => [path!, fingerprint!.toLowerCase()]));
  return {
    guard: one("guard")[0]!,
    fragments: all("fragment").map(([name, mode, body]) => {
      const fragment = decode(body!);
      return { name: name!, mode: mode!, text: fragment, fragment: parseFragment(fragment) };
    }),
    configuration: parseFile(one("configuration")),
    unitFile: parseFile(one("unit")),
    unit,
    user: user === "-" ? undefined : user,
    strangers: all("listener")
      .map(([pid, program, local]) => ({ pid: Number(pid), program: program!, local: local! }))
      .filter((listener) => !processes.some(([pid]) => Number(pid) === listener.pid)),
    proxy: info === "-" || servers === "-" ? undefined : parseRunning(decode(info), decode(servers)),
    forwards: lines
      .filter((line) => line.startsWith("# pulumi-jail: mapping "))
      .flatMap((line) => parseForwardMark(line) ?? []),
    certificates: new Map(
      all("certificate").map(([name, mode, sha256]) => {
        const fingerprint = served.get(certificatePath(name!));
        return [name!, { mode: mode!, sha256: sha256!, ...(fingerprint ? { served: fingerprint } : {}) }];
      }),
    ),
    outOfJail: running ? [...escapes(processes, one("tree")[0]!, user), ...blindness(one("sees"))] : [],
  };
}

function parseFile(words: readonly string[]): FoundFile | undefined {
  return words[0] === "-" ? undefined : { mode: words[0]!, text: decode(words[1] ?? "") };
}

function parseShow(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text
      .split("\n")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}

/** A directory that was taken away under a mount takes the mount along: then no reload can work, a start can. */
function blindness([sees, configured]: readonly string[]): readonly string[] {
  return sees === configured ? [] : ["HAProxy does not see its configuration"];
}

/** CAP_NET_BIND_SERVICE and nothing else, as /proc/PID/status writes it. */
const ONE_CAPABILITY = "0000000000000400";

/** Read back from the kernel, since a unit's settings prove nothing about a process (architecture, law 12). */
function escapes(processes: readonly (readonly string[])[], tree: string, passwdLine: string): readonly string[] {
  const uid = passwdLine.split(":")[2];
  if (processes.length === 0) return ["no process of HAProxy is seen"];
  const found = new Set<string>();
  for (const [, root, processUid, capabilities, noNewPrivileges, seccomp] of processes) {
    if (root !== tree) found.add("HAProxy runs outside of its jail");
    if (processUid !== uid) found.add(`HAProxy runs as uid ${processUid}`);
    if (capabilities !== ONE_CAPABILITY) found.add(`HAProxy has the capabilities ${capabilities}`);
    if (noNewPrivileges !== "1") found.add("HAProxy may gain privileges");
    if (seccomp !== "2") found.add("HAProxy runs without its system call filter");
  }
  return [...found];
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}
