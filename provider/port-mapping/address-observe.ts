import type { Question } from "../host/question.ts";
import { hostPart } from "../keepalived/configuration.ts";
import type { FoundFile } from "./observed.ts";

/** What there is of virtual addresses on an edge. */
export interface FoundAddresses {
  readonly configuration: FoundFile | undefined;
  readonly watcher: FoundFile | undefined;
  readonly unitFile: FoundFile | undefined;
  readonly watchFile: FoundFile | undefined;
  /** By unit: `active enabled`. */
  readonly states: ReadonlyMap<string, string>;
  /** The generation of keepalived's jail, and how many things in it are not as they were built. */
  readonly jail: { readonly digest: string; readonly findings: number } | undefined;
  /** The host's network devices. */
  readonly interfaces: readonly string[];
  /** `192.0.2.1/24 eth0` */
  readonly held: readonly string[];
  /** Whether another machine answers for the address that was asked for; undefined: none was. */
  readonly isElsewhere: boolean | undefined;
}

/** Looks at all of them; with an address (CIDR), also whether it answers. */
export function observeAddresses(address: string | undefined, port: number): Question<FoundAddresses> {
  return {
    ask: "edge-address",
    args: [address === undefined ? "-" : hostPart(address), String(port)],
    parse: parseAddresses,
  };
}

/** The lines of ask_edge_address. */
export function parseAddresses(text: string): FoundAddresses {
  const lines = text.split("\n").map((line) => line.split(" "));
  const all = (key: string) => lines.filter(([first]) => first === key).map(([, ...words]) => words);
  const jail = all("jail")[0];
  const elsewhere = all("elsewhere")[0];
  return {
    configuration: fileOf(all("configuration")[0]),
    watcher: fileOf(all("watcher")[0]),
    unitFile: fileOf(all("unit")[0]),
    watchFile: fileOf(all("watch")[0]),
    states: new Map(all("state").map(([unit, ...words]) => [unit!, words.join(" ")])),
    jail: jail && { digest: jail[0]!, findings: Number(jail[1]) },
    interfaces: all("interface").map(([name]) => name!),
    held: all("held").map((words) => words.join(" ")),
    isElsewhere: elsewhere && elsewhere[0] === "yes",
  };
}

function fileOf(words: readonly string[] | undefined): FoundFile | undefined {
  if (words === undefined || words[0] === "-") return undefined;
  return { mode: words[0]!, text: Buffer.from(words[1] ?? "", "base64").toString("utf8") };
}
