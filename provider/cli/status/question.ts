import type { Question } from "../../host/question.ts";
import { userName } from "../../passwd/hosts.ts";
import type { KnownService } from "../stack.ts";
import { type Answer, parseAnswer } from "./answer.ts";
import type { KnownHost } from "./known-host.ts";

/** One question for all that the stack has on a host. */
export function statusQuestion(known: KnownHost): Question<Answer> {
  const lines = [
    ...known.services.flatMap((service) => [
      ["service", service.properties.serviceName, userName(service.properties.serviceName)],
      ...checksOf(service).map((check) => ["check", service.properties.serviceName, ...check]),
    ]),
    ...known.jails.map(({ properties }) => ["jail", properties.jailName]),
    ...(known.mappings.some(({ properties }) => properties.engine === "haproxy") ? [["edge"]] : []),
  ];
  // What would break the lines is left out: check lets none of it into a state.
  const sound = lines.filter((words) => words.every((word) => word !== "" && !/[\t\r\n]/.test(word)));
  return {
    ask: "status",
    args: [],
    content: sound.map((words) => `${words.join("\t")}\n`).join(""),
    parse: parseAnswer,
  };
}

/** The service's own check, as its start has to pass it (jailed-service/health.ts), `-` for the address of its slot. */
function checksOf({ properties }: KnownService): readonly (readonly string[])[] {
  const { healthCheck: check = {}, network, ports } = properties;
  const type = check.type ?? (check.command ? "exec" : check.path ? "http" : "tcp");
  if (type === "exec") return [["exec", ...(check.command ?? [])]];
  if (network === "none") return [];
  const address = network === "private" ? "-" : "127.0.0.1";
  return Object.entries(ports).flatMap(([key, { jailPort, protocol }]) => {
    if (jailPort === undefined || protocol === "udp" || (check.port ?? key) !== key) return [];
    const words = [type, address, String(jailPort)];
    return [type === "http" ? [...words, check.expectStatus ?? "200-399", check.path ?? "/"] : words];
  });
}
