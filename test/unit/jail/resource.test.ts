import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, test } from "vitest";
import { Jail } from "../../../provider/jail/resource.ts";

const registered: { readonly name: string; readonly inputs: Readonly<Record<string, unknown>> }[] = [];

beforeAll(async () => {
  await pulumi.runtime.setMocks({
    newResource: ({ name, inputs }) => {
      registered.push({ name, inputs: inputs as Readonly<Record<string, unknown>> });
      return { id: name, state: { ...inputs, generation: "0123456789abcdef" } };
    },
    call: () => ({}),
  });
});

const args = {
  connection: { host: "192.0.2.10", hostKey: "ssh-ed25519 AAAA" },
  packages: ["apache2"],
  unit: "apache2.service",
};

describe("a Jail in a program", () => {
  test("registers its arguments and gives the generation", async () => {
    const files = { "/var/www/html/index.html": { content: pulumi.output("hello") } };
    const jail = new Jail("plain", { ...args, files });
    expect(await valueIn(jail.generation)).toBe("0123456789abcdef");
    const { inputs } = registered.find(({ name }) => name === "plain")!;
    expect(inputs).toMatchObject({ packages: ["apache2"], unit: "apache2.service" });
    expect(inputs["files"]).toEqual({ "/var/www/html/index.html": { content: "hello" } });
  });

  test("refuses a secret in its files or prepare, and says where it belongs", async () => {
    const told = "holds a secret; give it to the service as configFiles or credentials";
    const files = { "/etc/apache2/key": { content: pulumi.secret("s3cret") } };
    const failed = await failureOf(() => new Jail("leaky", { ...args, files }));
    expect(failed).toContain(`Jail leaky: files ${told}`);
    const prepare = pulumi.secret("echo s3cret");
    expect(await failureOf(() => new Jail("leaky", { ...args, prepare }))).toContain(`Jail leaky: prepare ${told}`);
    expect(failed).not.toContain("s3cret");
    expect(registered.map(({ name }) => name)).not.toContain("leaky");
  });
});

function valueIn<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return new Promise((resolve) => output.apply(resolve));
}

/** A resource fails in promises that nobody awaits, one per output: the first tells why, the others are passed over. */
async function failureOf(make: () => unknown): Promise<string> {
  const failures: unknown[] = [];
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (error) => failures.push(error));
  make();
  await new Promise((resolve) => setTimeout(resolve, 300));
  process.removeAllListeners("unhandledRejection");
  for (const listener of listeners) process.on("unhandledRejection", listener);
  return String(failures[0]);
}
