import * as pulumi from "@pulumi/pulumi";
import { beforeAll, expect, test } from "vitest";
import { PortMapping, type TlsArgs } from "../../../provider/port-mapping/resource.ts";
import { certificateOf } from "../../support/certificates.ts";

const registered = new Map<string, Readonly<Record<string, unknown>>>();

beforeAll(async () => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => {
      registered.set(name, inputs as Readonly<Record<string, unknown>>);
      return { id: name, state: inputs };
    },
    call: () => ({}),
  });
});

const pair = certificateOf("shop");
const forms: Readonly<Record<string, pulumi.Input<TlsArgs>>> = {
  plain: { certificates: [pair] },
  output: pulumi.output({ certificates: [pair] }),
  "list-in-an-output": { certificates: pulumi.output([pair]) },
  "pair-in-an-output": { certificates: [pulumi.output(pair)] },
  "pair-in-a-promise": { certificates: [Promise.resolve(pair)] },
};

test.each(Object.keys(forms))("a key is a secret however it is given: %s", async (name) => {
  const mapping = new PortMapping(name, {
    connection: { host: "192.0.2.10", hostKey: "ssh-ed25519 AAAA" },
    bindPort: 443,
    mode: "http",
    tls: forms[name]!,
    backends: [{ address: "10.0.0.4", hostPort: 80 }],
  });
  await new Promise((resolve) => mapping.urn.apply(resolve));
  const seen = openText(registered.get(name)!["tls"]);
  expect(seen).not.toContain(pair.privateKey.split("\n")[1]);
  // The control: it is there, and not in the clear.
  expect(JSON.stringify(registered.get(name)!["tls"])).toContain("PRIVATE KEY");
});

/** What of a value is in the clear. */
function openText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (pulumi.runtime.isRpcSecret(inner) ? "secret" : inner));
}
