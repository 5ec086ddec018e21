import { HostError } from "../../host/errors.ts";
import { hostFor } from "../../host/pool.ts";
import { onSameMachine } from "../../host/same-machine.ts";
import { kinds } from "../../kinds.ts";
import type { CommonOutputs } from "../../resource/hidden.ts";
import type { CommonInputs } from "../../resource/kind.ts";
import type { Known, KnownStack } from "../stack.ts";
import type { Answer } from "./answer.ts";
import type { KnownHost } from "./known-host.ts";
import { statusQuestion } from "./question.ts";

/** What a look at a host gave. */
export type Looked =
  | { readonly answer: Answer; readonly drift: ReadonlyMap<string, readonly string[]> }
  | { readonly error: string };

/** How to look. */
export interface Look {
  /** For each host; one that has not answered by then is told as such. */
  readonly deadlineSeconds: number;
  /** Compares every file and setting as a refresh does, instead of what the last one found. */
  readonly drift: boolean;
}

/** Asks one host over one connection; never throws, as the others are to be shown. */
export async function lookAtHost(known: KnownHost, { project, stack }: KnownStack, look: Look): Promise<Looked> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Looked>((resolve) => {
    timer = setTimeout(
      () => resolve({ error: `no answer within ${look.deadlineSeconds} s` }),
      look.deadlineSeconds * 1000,
    );
  });
  try {
    // Not ten times: who looks sees that it does not answer.
    const perDialTimeout = Math.min(known.connection.perDialTimeout, look.deadlineSeconds);
    const host = onSameMachine(hostFor({ ...known.connection, dialErrorLimit: 1, perDialTimeout }), known.hostId);
    const asked = async (): Promise<Looked> => {
      const drifts = look.drift
        ? [...known.jails, ...known.services, ...known.mappings].map(
            async (one) => [one.urn, await driftOf(one)] as const,
          )
        : [];
      const [[answer], ...drift] = await Promise.all([host.ask([statusQuestion(known)]), ...drifts]);
      return { answer, drift: new Map(drift) };
    };
    const driftOf = async (one: Known<CommonInputs & Partial<CommonOutputs>>) => {
      const { properties, urn } = one;
      const kind = kinds[kindOf(urn)];
      const claim = properties.claim ?? "";
      if (kind === undefined || claim === "") return [];
      const { organization } = properties.__jail;
      const owner = { organization, project, stack, urn, claim };
      const call = { host, progress: () => {}, owner, deadlineSeconds: look.deadlineSeconds, hostFor };
      const outputs = await kind.read(call, properties as never);
      return outputs === undefined ? ["it is gone from the host"] : outputs.drift;
    };
    return await Promise.race([asked(), late]);
  } catch (error) {
    return { error: reasonOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** `..::pulumi-nodejs:dynamic/jail:PortMapping::site` and below components `..$pulumi-nodejs:dynamic/jail:Jail::web`. */
function kindOf(urn: string): string {
  const type = urn.split("::")[2]?.split(":").at(-1) ?? "";
  return type.replace(/(?<=.)[A-Z]/g, (letter) => `-${letter}`).toLowerCase();
}

/** One line, without the host's name, which stands before it. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const [line = ""] = text.split("\n");
  return error instanceof HostError && line.startsWith(`${error.host}: `) ? line.slice(error.host.length + 2) : line;
}
