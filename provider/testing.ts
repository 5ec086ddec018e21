import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { check } from "./dynamic/operations.ts";
import { kinds } from "./kinds.ts";

const PREFIX = "pulumi-nodejs:dynamic/jail:";

/**
 * Mocks for `pulumi.runtime.setMocks`, so that users can test programs without hosts. Unlike `setMocks` alone they run
 * every resource's check: a program with bad input fails the test with all its mistakes. `others` answers for
 * resources of other packages; by default these get their inputs back as outputs.
 */
export function jailMocks(others?: pulumi.runtime.Mocks): pulumi.runtime.Mocks {
  return {
    call: (args) => others?.call(args) ?? args.inputs,
    newResource: async (args) => {
      // A fleet is what its members are, and they come by themselves.
      if (args.type.startsWith("pulumi-jail:index:")) return { id: "", state: args.inputs };
      const kind = args.type.startsWith(PREFIX) ? kinds[kindName(args.type)] : undefined;
      if (!kind) return others?.newResource(args) ?? { id: `${args.name}-id`, state: args.inputs };
      // `.get` reads what another stack made: there is nothing to check.
      if (args.id)
        return { id: args.id, state: { ...args.inputs, ...outputsOf(args.type.slice(PREFIX.length), args.inputs) } };
      const { inputs, failures } = await check(kind, undefined, withoutSecretMarks(args.inputs) as never);
      if (failures.length > 0)
        throw new Error(failures.map(({ property, reason }) => `${property}: ${reason}`).join("\n"));
      return {
        id: kind.id(inputs as never),
        state: { ...inputs, ...outputsOf(args.type.slice(PREFIX.length), inputs) },
      };
    },
  };
}

/** The mock monitor marks secrets within inputs; the engine gives a dynamic provider plain text. */
function withoutSecretMarks(value: unknown): unknown {
  const plain = pulumi.runtime.unwrapRpcSecret(value);
  if (Array.isArray(plain)) return plain.map(withoutSecretMarks);
  if (typeof plain !== "object" || plain === null) return plain;
  return Object.fromEntries(Object.entries(plain).map(([key, inner]) => [key, withoutSecretMarks(inner)]));
}

/** `JailedService` is "jailed-service". */
function kindName(type: string): string {
  return type
    .slice(PREFIX.length)
    .replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`)
    .toLowerCase();
}

/** Outputs that only a host can know, made up from the inputs: equal inputs, equal outputs. */
function outputsOf(type: string, inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const hash = createHash("sha256").update(JSON.stringify(inputs)).digest("hex");
  const common = { drift: [], unfinished: false, claim: hash.slice(0, 8), hostId: hash.slice(8, 40) };
  if (type === "Jail") {
    const generation = inputs["generation"] ?? hash.slice(0, 16);
    const rootDirectory = `/var/lib/pulumi-jail/jails/${inputs["jailName"]}/generations/${generation}`;
    return { ...common, generation, rootDirectory, fileCount: 80, bytes: 5_000_000 };
  }
  if (type === "PortReservation") return { ...common, endpoints: endpointsOf(inputs) };
  if (type === "JailedService") return { ...common, unitName: `jailed-${inputs["serviceName"]}@a.service`, uid: 900 };
  return common;
}

function endpointsOf(inputs: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const ports = Object.entries((inputs["ports"] ?? {}) as Readonly<Record<string, unknown>>);
  const address = inputs["address"] ?? "192.0.2.1";
  return Object.fromEntries(
    ports.map(([key, port], index) => {
      const given = typeof port === "object" && port !== null ? (port as Record<string, unknown>) : { jailPort: port };
      const endpoint = {
        name: `${inputs["serviceName"]}.${key}.${address}`,
        protocol: given["protocol"] ?? "tcp",
        address,
        hostPort: given["hostPort"] ?? 20129 + index,
        jailPort: given["jailPort"],
        responder: { hostPort: 20128 },
      };
      return [key, endpoint];
    }),
  );
}
