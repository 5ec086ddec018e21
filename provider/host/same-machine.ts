import { HostError } from "./errors.ts";
import type { AnswersTo, Host } from "./host.ts";
import { hostIdOf } from "./host-id.ts";
import type { Question } from "./question.ts";
import { machine } from "./questions/machine.ts";

/**
 * The host, as long as it is the machine of that `hostId`: copied disks and images give several machines one host key,
 * and what is one machine's must never be made, or found missing, on another. Undefined: any machine will do.
 */
export function onSameMachine(host: Host, hostId: string | undefined): Host {
  if (!hostId) return host;
  return {
    label: host.label,
    apply: (plan, progress) => host.apply(plan, progress),
    ask: async <const Questions extends readonly Question<unknown>[]>(questions: Questions) => {
      // Lifecycles ask for the machine themselves, and equal questions of one round trip are asked once.
      const [answers, { machineId }] = await Promise.all([
        host.ask(questions),
        host.ask([machine()]).then(([it]) => it),
      ]);
      if (hostIdOf(machineId) !== hostId) throw otherMachine(host);
      return answers as AnswersTo<Questions>;
    },
  };
}

function otherMachine(host: Host): HostError {
  return new HostError(
    "host-key",
    host.label,
    "this is another machine with the same host key (its machine-id(5) differs): two machines share one key, or it was " +
      "installed anew; give it a host key of its own, or make its resources again with `pulumi up --replace URN`",
  );
}
