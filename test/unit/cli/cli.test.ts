import { describe, expect, test } from "vitest";
import { explainPath } from "../../../provider/cli/explain.ts";
import { type KnownJail, pickJail, pickJails } from "../../../provider/cli/stack.ts";
import { UsageError } from "../../../provider/cli/usage.ts";
import { parseWords } from "../../../provider/cli/words.ts";
import { compareManifests } from "../../../provider/manifest/compare.ts";
import { apacheTree } from "../../support/apache-jail.ts";

const manifest = { ...apacheTree(), denied: [{ path: "/usr/bin/dash", why: "is a shell" }] };

describe("explain", () => {
  const explain = (path: string, exclude: readonly string[] = []) => explainPath(manifest, { exclude }, path);

  test("gives the entry of a path that is in, by any name that leads to it", () => {
    expect(explain("/usr/sbin/apache2")).toMatchObject({
      in: true,
      entry: { package: "apache2", why: ["run at start"] },
    });
    expect(explain("/sbin/apache2")).toMatchObject({ in: true, path: "/usr/sbin/apache2" });
  });

  test.each([
    ["/bin/dash", [], 'it was touched, but is a shell; "/usr/bin/dash" in include lets it in'],
    ["/usr/bin/id", [], 'nothing touched it at start, probe, reload or stop; "/usr/bin/id" in include puts it in'],
    ["/usr/bin/id", ["/opt", "/usr/bin/*"], 'exclude[1], "/usr/bin/*", leaves it out'],
    ["/run/x.pid", [], "/run is mounted over at every start; what lies below it is no part of the jail"],
    [
      "/var/log/apache2/error.log",
      [],
      "/var/log/apache2 is mounted over at every start; what lies below it is no part of the jail",
    ],
  ])("says why %s is not in", (path, exclude, because) => {
    expect(explain(path, exclude)).toMatchObject({ in: false, because });
  });
});

describe("the words of a command line", () => {
  test("are a command, names and options", () => {
    expect(parseWords(["sbom", "web", "--format", "spdx", "-o", "x.json", "--host", "web1", "-s", "prod"])).toEqual({
      ...{ command: "sbom", rest: ["web"], cwd: process.cwd(), json: false },
      ...{ format: "spdx", output: "x.json", host: "web1", stack: "prod" },
    });
    expect(parseWords(["--help"])).toBeUndefined();
  });

  test.each([[["sbom", "web", "--format", "xml"]], [["verify", "--formt"]], [["explain", "--output", "x"]]])(
    "are refused: %j",
    (argv) => {
      expect(() => parseWords(argv)).toThrow(UsageError);
    },
  );
});

describe("a jail's name", () => {
  const jail = (jailName: string, host: string) =>
    ({ host, urn: "", properties: { jailName } }) as unknown as KnownJail;
  const jails = [jail("web", "one"), jail("web", "two"), jail("db", "one")];

  test("finds it, with --host where several hosts have one", () => {
    expect(pickJail(jails, "db", undefined)).toBe(jails[2]);
    expect(pickJail(jails, "web", "two")).toBe(jails[1]);
    expect(() => pickJail(jails, "web", undefined)).toThrow("web is on several hosts; give --host one or --host two");
    expect(() => pickJail(jails, "db", "two")).toThrow("db is not on two; it is on one");
    expect(() => pickJail(jails, "www", undefined)).toThrow("the stack has no jail www; it has db, web");
  });

  test("stands for all of its hosts where several jails may be meant", () => {
    const words = { command: "verify", cwd: "/", json: false, format: "cyclonedx" } as const;
    expect(pickJails(jails, { ...words, rest: [] })).toHaveLength(3);
    expect(pickJails(jails, { ...words, rest: ["web"] })).toHaveLength(2);
    expect(pickJails(jails, { ...words, rest: [], host: "one" })).toHaveLength(2);
    expect(() => pickJails(jails, { ...words, rest: ["www"] })).toThrow("the stack has no jail www");
  });
});

describe("the difference of two manifests", () => {
  test("names packages, files and what changed in the launch", () => {
    const old = apacheTree();
    const young = apacheTree({}, "2.4.63-1");
    const launched = { ...young, launch: { ...young.launch, argv: ["/usr/sbin/apache2", "-X"] } };
    expect(compareManifests(old, old)).toEqual([]);
    expect(compareManifests(old, launched)).toEqual([
      "apache2 2.4.62-1 -> 2.4.63-1",
      "changed: /usr/sbin/apache2 (16 -> 16 bytes)",
      'launch: argv ["/usr/sbin/apache2","-k","start"] -> ["/usr/sbin/apache2","-X"]',
    ]);
  });
});
