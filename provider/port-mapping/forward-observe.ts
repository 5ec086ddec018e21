import type { Question } from "../host/question.ts";
import { type ForwardMark, parseForwardMark } from "../nftables/forward.ts";
import type { FoundFile, Listener } from "./observed.ts";

/** Ports that the kernel of a host forwards by our table, and who else has the one that matters. */
export interface Forwarding {
  /** Of all that is declared here. */
  readonly guard: string;
  readonly forwards: readonly FoundForward[];
  /** Programs that the host lacks. */
  readonly missing: readonly string[];
  /** Forwards whose rules lead to what a jail's address was before. */
  readonly stale: readonly string[];
  /** Of the table's file and unit: mode and sha256, by path. */
  readonly files: ReadonlyMap<string, { readonly mode: string; readonly sha256: string }>;
  readonly unit: Readonly<Record<string, string>>;
  /** The kernel's table: "changed" since it was loaded. */
  readonly table: "absent" | "changed" | "loaded";
  /** Whether the kernel leads the asked address and port anywhere. */
  readonly led: boolean;
  /** Devices that forward no packets. */
  readonly closed: readonly string[];
  /** Whether they will after a boot. */
  readonly settled: boolean;
  readonly listeners: readonly Listener[];
  /** Jailed services that have the port on an address. */
  readonly services: readonly { readonly name: string; readonly address: string }[];
  /** Rules of other tables that lead the port elsewhere. */
  readonly foreign: readonly string[];
}

export interface FoundForward extends FoundFile {
  readonly name: string;
  /** Undefined: none of ours. */
  readonly mark: ForwardMark | undefined;
}

/** `element` is what the kernel's map must have (nftables/forward.ts). */
export function observeForwarding(protocol: string, port: number, element: string): Question<Forwarding> {
  return { ask: "forward", args: [protocol, String(port), element], parse: parseForwarding };
}

function parseForwarding(text: string): Forwarding {
  const lines = text.split("\n").filter((line) => line !== "");
  const all = (key: string) =>
    lines.filter((line) => line === key || line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const [guard] = all("guard");
  if (guard === undefined) throw new Error("no guard in the answer");
  const [table] = all("table");
  const [is, loaded] = (table ?? "").split(" ");
  return {
    guard,
    forwards: all("forward").map((line) => {
      const [name = "", mode = "", body = ""] = line.split(" ");
      const rules = Buffer.from(body, "base64").toString("utf8");
      return { name, mode, text: rules, mark: parseForwardMark(rules) };
    }),
    missing: all("missing"),
    stale: all("stale"),
    files: new Map(
      all("file").map((line) => {
        const [path = "", mode = "", sha256 = ""] = line.split(" ");
        return [path, { mode, sha256 }];
      }),
    ),
    unit: Object.fromEntries((all("unit")[0] ?? "").split(" ").map((pair) => pair.split("=") as [string, string])),
    table: table === undefined ? "absent" : is === loaded ? "loaded" : "changed",
    led: all("led").length > 0,
    closed: all("closed"),
    settled: all("unsettled").length === 0,
    listeners: all("listener").map((line) => {
      const [pid, program = "", local = ""] = line.split(" ");
      return { pid: Number(pid), program, local };
    }),
    services: all("service").map((line) => {
      const [name = "", address = ""] = line.split(" ");
      return { name, address };
    }),
    foreign: all("foreign"),
  };
}
