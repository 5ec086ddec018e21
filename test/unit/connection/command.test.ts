import { remote, type types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type ConnectionArgs, Jail } from "../../../provider/index.ts";
import { jailMocks } from "../../../provider/testing.ts";

describe("a @pulumi/command connection", () => {
  it("is accepted by its type, as it is", () => {
    expectTypeOf<types.input.remote.ConnectionArgs>().toExtend<ConnectionArgs>();
    // The other way must fail, or the assertion above would hold for any type.
    expectTypeOf<{ address: string }>().not.toExtend<ConnectionArgs>();
  });

  it("serves resources of both packages in one program", async () => {
    await pulumi.runtime.setMocks(jailMocks());
    const connection: types.input.remote.ConnectionArgs = {
      host: "192.0.2.1",
      user: "ops",
      privateKey: "key",
      hostKey: "ssh-ed25519 AAAA",
      proxy: { host: "192.0.2.2", hostKey: "ssh-ed25519 BBBB" },
    };
    const apache = new Jail("apache", { connection, packages: ["apache2"], unit: "apache2.service" });
    const motd = new remote.Command("motd", { connection, create: "cat /etc/motd" });
    expect(await settled(apache.jailName)).toBe("apache");
    expect(await settled(motd.create)).toBe("cat /etc/motd");
  });
});

describe("jailMocks", () => {
  it("fails a program with bad input, telling all its mistakes", async () => {
    // Through a resource the rejection would go unhandled, as it does in a user's failing program.
    const args = {
      type: "pulumi-nodejs:dynamic/jail:Jail",
      name: "odd",
      custom: true,
      provider: "",
      id: undefined,
      inputs: {
        connection: { name: "web1", host: "192.0.2.1" },
        packages: ["apache2"],
        unit: "apache2",
        include: ["etc"],
      },
    } as unknown as pulumi.runtime.MockResourceArgs;
    const error = await Promise.resolve(jailMocks().newResource(args)).catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("connection.hostKey: web1 has no host key; set hostKey or knownHosts");
    expect(String(error)).toContain('include[0]: "etc" is not an absolute path');
  });
});

function settled<Value>(output: pulumi.Output<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    output.apply(resolve);
    (output as unknown as { promise(): Promise<Value> }).promise().catch(reject);
  });
}
