import { expect, test } from "vitest";
import { files } from "../../../provider/host/questions/files.ts";
import { units } from "../../../provider/host/questions/units.ts";
import { makeDirectory, removeFile, removeTree, sweepState, writeFile } from "../../../provider/host/steps/files.ts";
import { daemonReload, disableUnit, enableUnit, startUnit, stopUnit } from "../../../provider/host/steps/units.ts";
import { createFakeHost } from "../../support/fake-host.ts";

const path = "/etc/systemd/system/jailed-web.service";
const install = [
  makeDirectory({ path: "/var/lib/pulumi-jail/services/web", mode: "0700", owner: "root:root" }),
  writeFile({ path, mode: "0644", owner: "root", content: "[Service]\n" }),
  daemonReload(["jailed-web.service"]),
  enableUnit("jailed-web.service"),
  startUnit("jailed-web.service"),
];
const remove = [
  stopUnit("jailed-web.service"),
  disableUnit("jailed-web.service"),
  removeFile(path),
  daemonReload(),
  removeTree("/var/lib/pulumi-jail/services/web"),
  sweepState(),
];
const plan = (steps: typeof install) => ({ lock: "service/web", urn: "urn:web", steps });

test("a plan that is applied and taken back leaves the fake host as it was", async () => {
  const host = createFakeHost();
  const before = host.snapshot();
  await host.apply(plan(install));
  expect(host.snapshot()).not.toEqual(before);
  await host.apply(plan(remove));
  expect(host.snapshot()).toEqual(before);
});

test("a plan cut at any step and applied again gives the same fake host", async () => {
  const whole = createFakeHost();
  await whole.apply(plan(install));
  for (const effect of [false, true]) {
    for (let done = 0; done <= install.length; done++) {
      const host = createFakeHost();
      host.cutAtStep(done, { effect: effect && done < install.length });
      await expect(host.apply(plan(install))).rejects.toMatchObject({ kind: "lost" });
      await host.apply(plan(install));
      expect(host.snapshot()).toEqual(whole.snapshot());
    }
  }
});

test("a unit file that changed under a running unit asks for a daemon-reload", async () => {
  const host = createFakeHost();
  await host.apply(plan(install));
  await host.apply(plan([writeFile({ path, mode: "0644", owner: "root", content: "[Service]\nUser=x\n" })]));
  const [found, known] = await host.ask([files([path]), units(["jailed-web.service"])]);
  expect(found.get(path)).toMatchObject({ mode: "0644", owner: "root", size: 17 });
  expect(known.get("jailed-web.service")?.get("NeedDaemonReload")).toBe("yes");
});

test("an unreachable fake host throws and a failing step names itself", async () => {
  const host = createFakeHost();
  host.failStep("start-unit", "no", { output: "log line" });
  await expect(host.apply(plan(install))).rejects.toMatchObject({ kind: "step", stepIndex: 4, output: "log line" });
  host.unreachable = true;
  await expect(host.ask([files([path])])).rejects.toMatchObject({ kind: "unreachable" });
});
