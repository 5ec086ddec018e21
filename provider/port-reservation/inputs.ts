import * as v from "valibot";
import type { Endpoint } from "../ports/endpoint.ts";
import { normalizePorts, type PortInputs, portFailures } from "../ports/port-inputs.ts";
import { decideName, failuresOf, nameSchema } from "../resource/check.ts";
import { diffFields, type Field, type FieldTable } from "../resource/fields.ts";
import type { CommonOutputs } from "../resource/hidden.ts";
import type { Checked, CommonInputs, Diff } from "../resource/kind.ts";
import { notePorts } from "./note.ts";

/** Checked inputs of a PortReservation. */
export interface PortReservationInputs extends CommonInputs {
  readonly serviceName: string;
  /** The host's address where others reach it. */
  readonly address: string;
  readonly ports: Readonly<Record<string, PortInputs>>;
}

/** What the host has reserved. */
export interface PortReservationOutputs extends CommonOutputs {
  readonly endpoints: Readonly<Record<string, Endpoint>>;
}

const schema = v.object({ serviceName: nameSchema() });

/** The reservation's own name ends in `-ports`; the service's is without. */
export function checkPortReservation(
  olds: Partial<PortReservationInputs> | undefined,
  news: Readonly<Record<string, unknown>>,
): Checked<PortReservationInputs> {
  const own = (news["__jail"] as { readonly name?: string } | undefined)?.name;
  const serviceName = decideName(news["serviceName"], olds?.serviceName, own?.replace(/-ports$/, ""));
  const connection = news["connection"] as { readonly host?: string } | undefined;
  const address = news["address"] ?? connection?.host;
  const inputs = { ...news, serviceName, address, ports: normalizePorts(news["ports"]) };
  const failures = [...failuresOf(schema, inputs), ...portFailures(inputs.ports)];
  return { inputs: inputs as unknown as PortReservationInputs, failures };
}

const fields: FieldTable<PortReservationInputs> = {
  adopt: { effect: "none" },
  serviceName: { effect: "replace" },
  address: { effect: "update" },
  ports: { effect: "update" },
};

/** Only the ports and the machine count: a rotated key leaves edges unchanged in a preview. */
export function diffPortReservation(
  olds: PortReservationInputs & PortReservationOutputs,
  news: PortReservationInputs,
): Diff {
  const ports: Field<PortReservationInputs["ports"]> = {
    effect: "update",
    note: (before, after) => notePorts(news.serviceName, olds.endpoints ?? {}, before, after ?? {}),
  };
  return diffFields(
    { ...fields, ports },
    { ...olds, connection: withoutCredentials(olds) },
    { ...news, connection: withoutCredentials(news) },
  );
}

/** Credentials of jump hosts too. */
function withoutCredentials(inputs: Pick<PortReservationInputs, "connection">): PortReservationInputs["connection"] {
  const { connection } = inputs;
  if (typeof connection !== "object" || connection === null) return connection;
  const { privateKey: _k, privateKeyPassword: _p, password: _w, proxy, ...rest } = connection;
  return { ...rest, ...(proxy && { proxy: withoutCredentials({ connection: proxy }) }) };
}
