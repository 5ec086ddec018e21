import { describe, expect, test } from "vitest";
import { checkJail, diffJail, type JailInputs, type JailOutputs } from "../../../provider/jail/inputs.ts";
import { UNKNOWN } from "../../../provider/resource/unknown.ts";
import { apacheArgs } from "../../support/apache-jail.ts";

const { connection, __jail } = apacheArgs;

function failuresOf(args: object): readonly string[] {
  return checkJail(undefined, { ...apacheArgs, ...args }).failures.map(
    ({ property, reason }) => `${property}: ${reason}`,
  );
}

function inputs(args: object = {}): JailInputs {
  return checkJail(undefined, { ...apacheArgs, ...args }).inputs;
}

function state(args: object = {}): JailInputs & JailOutputs {
  const outputs = { generation: "0123456789abcdef", rootDirectory: "/x", packageVersions: {}, fileCount: 1, bytes: 1 };
  return { ...inputs(args), ...outputs, hostId: "h", claim: "c", drift: [], unfinished: false };
}

describe("check", () => {
  test("fills in every default", () => {
    expect(checkJail(undefined, apacheArgs)).toEqual({
      inputs: {
        connection,
        __jail,
        jailName: "apache",
        packages: ["apache2"],
        unit: "apache2.service",
        programs: [],
        source: "host",
        content: "minimal",
        include: [],
        exclude: [],
        files: {},
        discovery: { method: "trace", rounds: 3, deadlineSeconds: 300 },
        users: [],
        keepGenerations: 3,
      },
      failures: [],
    });
  });

  test("keeps the name that was decided once", () => {
    expect(checkJail({ jailName: "first" }, apacheArgs).inputs.jailName).toBe("first");
    expect(checkJail({ jailName: "first" }, { ...apacheArgs, jailName: "second" }).inputs.jailName).toBe("second");
  });

  test("takes files with their defaults, and 644 for 0644", () => {
    const files = { "/a": { content: "x" }, "/b": { content: "y", mode: "600", owner: "www-data" } };
    expect(inputs({ files }).files).toEqual({
      "/a": { content: "x", mode: "0644", owner: "root" },
      "/b": { content: "y", mode: "0600", owner: "www-data" },
    });
  });

  test.each<[object, string]>([
    [{ unit: "apache2" }, 'unit: "apache2" has no suffix; did you mean "apache2.service"?'],
    [{ unit: "apache2.socket" }, 'unit: "apache2.socket" is no service unit, such as "apache2.service"'],
    [{ unit: undefined }, "packages: give packages and a unit, or programs"],
    [{ packages: [] }, "packages: give packages and a unit, or programs"],
    [{ packages: ["apache2", "a;b"] }, 'packages[1]: "a;b" is no package; "apache2" or "apache2=2.4.62-1"'],
    [{ packages: "apache2" }, 'packages: "apache2" is not a list'],
    [{ jailName: "A b" }, 'jailName: "A" is not allowed; use a-z, 0-9 and "-", at most 40'],
    [{ include: ["/a", "/b", "../etc"] }, 'include[2]: "../etc" is not an absolute path'],
    [{ include: ["/a/../b"] }, 'include[0]: "/a/../b" has "..", a control character or no name'],
    [{ exclude: ["package:"] }, 'exclude[0]: "package:" has "..", a control character or no name'],
    [
      { files: { "/etc/passwd": { content: "" } } },
      'files["/etc/passwd"]: passwd, group and hosts are made per service',
    ],
    [{ files: { "/run/x": { content: "" } } }, 'files["/run/x"]: "/run" is mounted over at every start'],
    [{ files: { "etc/x": { content: "" } } }, 'files["etc/x"]: "etc/x" is not an absolute path'],
    [{ files: { "/x": { content: 1 } } }, 'files["/x"].content: is not a string; give the file\'s text as content'],
    [
      { files: { "/x": { content: "", mode: "4755" } } },
      'files["/x"].mode: "4755" is no mode without setuid bits, such as "0644"',
    ],
    [
      { files: { "/x": { content: "", owner: "a b" } } },
      'files["/x"].owner: "a b" is no owner; "root" or "user:group"',
    ],
    [{ source: "sid" }, 'source: "sid" is no source; "host" or { suite: "sid" }'],
    [{ source: {} }, 'source.suite: is missing; name one, such as "sid"'],
    [{ source: { suite: "../x" } }, 'source.suite: "../x" is no suite, such as "sid"'],
    [
      { source: { suite: "sid", mirror: "ftp://x" } },
      'source.mirror: "ftp://x" is no address of a mirror; it begins with http:// or https://',
    ],
    [
      { source: { suite: "sid", snapshot: "a b" } },
      'source.snapshot: "a b" is no snapshot; "20260101T000000Z" or an address',
    ],
    [
      { source: { suite: "sid", mirror: "http://x/{snapshot}" } },
      "source.snapshot: source.mirror has {snapshot}; say which one",
    ],
    [
      { source: { suite: "sid", mirror: "http://x", snapshot: "20260101T000000Z" } },
      'source.mirror: needs {snapshot} in it, where "20260101T000000Z" goes',
    ],
    [
      { source: { suite: "sid", mirror: "http://x", snapshot: "http://y" } },
      'source.snapshot: "http://y" is an address, and so is source.mirror; give one',
    ],
    [{ content: "all" }, 'content: "all" is neither "minimal" nor "full"'],
    [
      { manifestFile: "/apache.lock.json" },
      `manifestFile: "/apache.lock.json" is no path relative to the project's directory, such as "apache.lock.json"`,
    ],
    [{ prepare: " \n" }, 'prepare: " \\n" is no script of the POSIX shell'],
    [{ discovery: { method: "guess" } }, 'discovery.method: "guess" is not "trace", "static" or "none"'],
    [{ discovery: { deadlineSeconds: 1 } }, "discovery.deadlineSeconds: 1 is not a whole number from 10 to 3600"],
    [{ discovery: { probe: { path: "x" } } }, 'discovery.probe.path: "x" is no path of a URL; it begins with "/"'],
    [
      { discovery: { probe: [{ path: "/" }, { expectStatus: "ok" }] } },
      'discovery.probe[1].expectStatus: "ok" is no status such as "200" or "200-399"',
    ],
    [
      { discovery: { probe: [{ type: "ask" }] } },
      'discovery.probe[0].type: "ask" is not "http", "tcp", "exec" or "script"',
    ],
    [{ discovery: { probe: { type: "exec" } } }, 'discovery.probe.command: type "exec" needs one'],
    [{ discovery: { probe: [{ type: "script" }] } }, 'discovery.probe[0].script: type "script" needs one'],
    [{ users: ["a:b"] }, 'users[0]: "a:b" is no user name'],
    [{ pinnedGeneration: "3f9a" }, 'pinnedGeneration: "3f9a" is no generation; 16 hex digits'],
    [{ keepGenerations: -1 }, "keepGenerations: -1 is not a whole number from 0 to 100"],
    [{ adopt: "yes" }, 'adopt: "yes" is neither true nor false'],
  ])("refuses %j, and says what would be right", (args, expected) => {
    expect(failuresOf(args)).toEqual([expected]);
  });

  test("takes a bare program, and refuses to trace one", () => {
    expect(failuresOf({ packages: undefined, unit: undefined, programs: ["/usr/bin/env"] })).toEqual([]);
    expect(failuresOf({ unit: undefined, programs: ["/usr/bin/env"], discovery: { method: "trace" } })).toEqual([
      'discovery.method: "trace" needs a unit; with programs alone set "static"',
    ]);
  });

  test("tells every failure at once", () => {
    expect(failuresOf({ unit: "apache2", include: ["x"], keepGenerations: 1.5, users: [1] })).toHaveLength(4);
  });

  test("lets unknown values pass inside of lists, files and objects", () => {
    const files = { "/a": UNKNOWN, "/b": { content: UNKNOWN, mode: UNKNOWN } };
    const discovery = { method: UNKNOWN, probe: { jailPort: UNKNOWN } };
    for (const probe of [UNKNOWN, [UNKNOWN, { type: "exec", command: UNKNOWN }], [{ type: UNKNOWN, script: "true" }]])
      expect(failuresOf({ discovery: { probe } })).toEqual([]);
    expect(failuresOf({ packages: [UNKNOWN], include: [UNKNOWN], files, discovery, unit: UNKNOWN })).toEqual([]);
  });
});

describe("diff", () => {
  const changed = (args: object) => diffJail(state(), inputs(args));

  test.each<[object]>([
    [{ packages: ["apache2", "libapache2-mod-php"] }],
    [{ unit: "other.service" }],
    [{ include: ["/usr/share/apache2"] }],
    [{ exclude: ["/usr/share/apache2"] }],
    [{ users: ["news"] }],
    [{ discovery: { rounds: 1 } }],
    [{ prepare: "jlink --output /opt/jre --add-modules java.base" }],
  ])("%j is an update that builds beside what runs", (args) => {
    expect(changed(args)).toEqual({
      changes: true,
      replaces: [],
      deleteBeforeReplace: false,
      notes: ["builds a new generation beside; what runs is untouched until its service switches"],
    });
  });

  test("names the files that change", () => {
    const files = (content: string) => ({ files: { "/var/www/html/index.html": { content } } });
    expect(diffJail(state(files("one")), inputs(files("two"))).notes).toEqual([
      "builds a new generation with another /var/www/html/index.html",
    ]);
  });

  test("says what a pin and its end do", () => {
    const pinned = { pinnedGeneration: "0123456789abcdef" };
    expect(changed(pinned).notes).toEqual(["chooses generation 0123456789abcdef; builds nothing"]);
    expect(diffJail(state(pinned), inputs()).notes).toEqual(["goes back to the newest build"]);
  });

  test("replaces for another name, created first", () => {
    expect(changed({ jailName: "other" })).toMatchObject({ replaces: ["jailName"], deleteBeforeReplace: false });
  });

  test("sees drift and unfinished work as changes, and adopt as none", () => {
    expect(diffJail({ ...state(), drift: ["missing: /x"] }, inputs()).changes).toBe(true);
    expect(diffJail({ ...state(), unfinished: true }, inputs()).changes).toBe(true);
    expect(changed({ adopt: true }).changes).toBe(false);
  });
});
