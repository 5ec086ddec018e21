import { describe, expect, it } from "vitest";
import { hostIdOf } from "../../../provider/host/host-id.ts";
import { read } from "../../../provider/host/questions/read.ts";
import { onSameMachine } from "../../../provider/host/same-machine.ts";
import { createFakeHost } from "../../support/fake-host.ts";

describe("a host that has to be a certain machine", () => {
  it("answers as ever when it is", async () => {
    const fake = createFakeHost();
    const host = onSameMachine(fake, hostIdOf(fake.state.machineId));
    expect(await host.ask([read("/nothing")])).toEqual([undefined]);
  });

  it("gives no answer when another machine shows its key", async () => {
    const host = onSameMachine(createFakeHost(), hostIdOf("f".repeat(32)));
    await expect(host.ask([read("/nothing")])).rejects.toThrow("this is another machine with the same host key");
  });

  it("is any machine while none is known", async () => {
    const fake = createFakeHost();
    expect(onSameMachine(fake, undefined)).toBe(fake);
  });
});
