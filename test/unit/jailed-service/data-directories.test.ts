import { describe, expect, test } from "vitest";
import {
  dataDirectories,
  dataWithoutVolume,
  excludesOther,
} from "../../../provider/jailed-service/data-directories.ts";
import { diffJailedService } from "../../../provider/jailed-service/fields.ts";
import type { JailedServiceInputs } from "../../../provider/jailed-service/inputs.ts";
import type { Seed } from "../../../provider/manifest/manifest.ts";
import { fakeLaunch } from "../../support/fake-service.ts";

const seed: Seed = { path: "/var/lib/db/main", files: 3, bytes: 10, changed: true };
const launch = {
  ...fakeLaunch,
  writable: [
    { path: "/run/db", kind: "runtime", mode: "0755" },
    { path: "/var/lib/db/main", kind: "state", mode: "0700" },
    { path: "/var/log/db", kind: "logs", mode: "0750" },
  ],
} as const;
const inputs = (jailPath?: string, switchover = "overlap") =>
  ({
    serviceName: "db",
    ports: {},
    switchover,
    ...(jailPath && { volumes: { data: { jailPath, volumeName: "db.data" } } }),
  }) as unknown as JailedServiceInputs;

describe("data directories", () => {
  test("without a volume are scratch, filled from the seed, with the mode of the packages", () => {
    const scratch = "/var/lib/pulumi-jail/services/db/scratch";
    const rest = { readOnly: false };
    expect(dataDirectories(inputs(), { launch, seeds: [seed] })).toEqual([
      {
        ...rest,
        hostPath: `${scratch}/var-lib-db-main`,
        jailPath: "/var/lib/db/main",
        mode: "0700",
        seeds: [seed.path],
      },
      { ...rest, hostPath: `${scratch}/var-log-db`, jailPath: "/var/log/db", mode: "0750", seeds: [] },
    ]);
  });

  test.each([
    ["at the seed's own path", "/var/lib/db/main", "0700", [seed.path], 2],
    ["above it", "/var/lib/db", "0750", [seed.path], 2],
    ["inside of it", "/var/lib/db/main/base", "-", [seed.path], 3],
    ["elsewhere", "/var/lib/db/mainly", "0750", [], 3],
  ] as const)("a volume %s", (_, jailPath, mode, seeds, count) => {
    const directories = dataDirectories(inputs(jailPath), { launch, seeds: [seed] });
    expect(directories[0]).toEqual({
      hostPath: "/var/lib/pulumi-jail/volumes/db.data",
      jailPath,
      mode,
      readOnly: false,
      seeds,
    });
    expect(directories).toHaveLength(count);
  });
});

describe("data for which no volume is declared", () => {
  test("is what the daemon changed of its packages' state", () => {
    expect(dataWithoutVolume(inputs(), { launch, seeds: [seed] })).toEqual(["/var/lib/db/main"]);
    expect(dataWithoutVolume(inputs("/var/lib/db"), { launch, seeds: [seed] })).toEqual([]);
    expect(dataWithoutVolume(inputs(), { launch, seeds: [{ ...seed, changed: false }] })).toEqual([]);
    expect(dataWithoutVolume(inputs(), { launch, seeds: [{ ...seed, path: "/var/log/db" }] })).toEqual([]);
  });

  test("is never worked on by two instances at once", () => {
    expect(excludesOther(inputs(), { launch, seeds: [seed] })).toBe(true);
    expect(excludesOther(inputs(), { launch, seeds: [] })).toBe(false);
    expect(excludesOther(inputs(undefined, "restart"), { launch, seeds: [] })).toBe(true);
  });
});

test("whether a volume goes with its service restarts nothing, and is not told to; where it is bound does", () => {
  const volume = { jailPath: "/var/lib/db", volumeName: "db.data" };
  const connection = { host: "h", hostKey: "k" };
  const of = (change: object) => ({ connection, volumes: { data: { ...volume, ...change } } });
  const notes = (change: object) => diffJailedService(of({}) as never, of(change) as never);
  expect(notes({ removeOnDelete: true })).toMatchObject({ changes: true, notes: [] });
  expect(notes({ jailPath: "/srv" }).notes).toEqual(["restart: some seconds without service"]);
});
