import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diffFingerprints, type Fingerprint, type TestHost } from "../../dev/hosts/index.ts";
import type { JailInputs } from "../../provider/jail/inputs.ts";
import { jailKind } from "../../provider/jail/lifecycle.ts";
import { upgradeLibrary } from "../support/library-upgrade.ts";
import { type JailSite, type JailState, openJailSite } from "./jail-site.ts";
import { shell } from "./ssh-site.ts";

let site: JailSite;
let web: TestHost;
let plans: JailSite["plans"];
let clean: Fingerprint;

/** Caches of apt and the like never come from us: build roots have their own. */
beforeAll(async () => {
  site = await openJailSite("jail");
  ({ web, plans } = site);
  clean = await web.fingerprint();
});
afterAll(() => site?.close());

const call = (name: string) => site.call(name);
const inputs = (name: string, args: object): JailInputs => site.inputs(name, args);
const up = (name: string, args: object, state?: JailState) => site.up(name, args, state);
const driftOf = (name: string, state: JailState) => site.driftOf(name, state);

/** All that is ours on the host: a fingerprint of one directory, which takes a tenth of the whole one's time. */
async function ours(): Promise<readonly string[]> {
  const find =
    "cd /var/lib/pulumi-jail && find . -printf '%p %y %m %u %g %l\\n' | sort && find . -type f -exec sha256sum {} +";
  return [...(await lines(find))].sort();
}

/** Lines of what a shell on the host prints. */
async function lines(command: string): Promise<readonly string[]> {
  return (await shell(web, command)).split("\n").filter((line) => line !== "");
}

const apache = { packages: ["apache2"], unit: "apache2.service" };
const html = "/var/www/html/index.html";

describe("apache2 on a host that does not have it", () => {
  let state: JailState;
  let firstTook: number;

  test("becomes a jail of at most 100 files and 6 MB from package and unit alone", async () => {
    const started = performance.now();
    state = await up("apache", apache);
    firstTook = performance.now() - started;
    console.log(`${state.fileCount} files, ${state.bytes} bytes, generation ${state.generation}`);
    expect(state.fileCount).toBeLessThanOrEqual(100);
    expect(state.bytes).toBeLessThanOrEqual(6_000_000);
    expect(await lines(`find ${state.rootDirectory} -name apache2 -path '*/usr/sbin/*'`)).toHaveLength(1);
  });

  test("keeps what apt would install, so that no look at it has to ask apt", async () => {
    await shell(web, "mv /usr/bin/apt-cache /usr/bin/apt-cache.away");
    expect(await driftOf("apache", state)).toEqual([]);
    const kept = "/var/lib/pulumi-jail/candidates";
    expect(await lines(`sed -n 's/^apache2-bin //p' ${kept}`)).toEqual([state.packageVersions["apache2-bin"]]);
    // Another version there is told as apt's own answer: it is what was looked at.
    await shell(web, `cp ${kept} /run/kept; sed -i 's/^apache2-bin .*/apache2-bin 9:9/' ${kept}`);
    expect(await driftOf("apache", state)).toEqual([
      expect.stringMatching(/^stale: apache2-bin \S+ -> 9:9, \d+ files$/),
    ]);
    await shell(web, `mv /usr/bin/apt-cache.away /usr/bin/apt-cache; cat /run/kept >${kept}; rm /run/kept`);
  });

  test("adds nothing to the host outside of the state directory", async () => {
    expect(diffFingerprints(clean, await web.fingerprint(["/var/lib/pulumi-jail"]))).toEqual([]);
    expect(
      await lines(
        "find /var/lib -name root -path '*pulumi-jail/build*'; dpkg -l apache2 2>/dev/null | grep ^ii || true",
      ),
    ).toEqual([]);
  });

  test("holds nothing that a jail must not hold, and shares no inode with the host", async () => {
    const tree = state.rootDirectory;
    expect(await lines(`find ${tree} -perm /6000`)).toEqual([]);
    expect(await lines(`find ${tree} -perm -0002 ! -type l ! -perm -1000 ! -type c`)).toEqual([]);
    expect(await lines(`find ${tree} ! -user root -o ! -group root`)).toEqual([]);
    expect(await lines(`find ${tree} -name sh -o -name bash -o -name dash -o -name perl -o -name shadow`)).toEqual([]);
    expect(await lines(`getcap -r ${tree} 2>/dev/null; find ${tree} -type s -o -type p -o -type b`)).toEqual([]);
    expect(await lines(`find ${tree} -type c -printf '%f\\n' | sort`)).toEqual([
      "full",
      "null",
      "random",
      "urandom",
      "zero",
    ]);
    const shared = `find /usr /etc /bin /lib -xdev -type f -printf '%i\\n' | sort >/run/theirs; find ${tree} -type f -printf '%i\\n' | sort >/run/ours; wc -l </run/ours; comm -12 /run/theirs /run/ours; rm /run/theirs /run/ours`;
    expect((await lines(shared)).map(Number)).toEqual([state.fileCount]);
  });

  test("needs no step the second time, and no write at all", async () => {
    const before = await web.fingerprint();
    const [applied, asked] = [plans.length, site.asks()];
    expect(await up("apache", apache, state)).toEqual(state);
    expect(await driftOf("apache", state)).toEqual([]);
    expect(plans.length - applied).toBe(0);
    expect(site.asks() - asked).toBe(2);
    expect(diffFingerprints(before, await web.fingerprint())).toEqual([]);
  });

  // How much faster it is, `npm run bench -- parallel` measures: a ratio of times has no place among tests beside each other.
  test("lets a second one of the same inputs be built without a build root, copying nothing", async () => {
    const store = "find /var/lib/pulumi-jail/store -type f -printf '%p %i\\n' | sort";
    const before = await lines(store);
    const applied = plans.length;
    const started = performance.now();
    const second = await up("second", apache);
    console.log(
      `the first in ${Math.round(firstTook)} ms, the second in ${Math.round(performance.now() - started)} ms`,
    );
    expect(second.generation).toBe(state.generation);
    expect(plans.slice(applied).flatMap(({ steps }) => steps.map(({ step }) => step))).not.toContain("open-build-root");
    expect(plans.slice(0, applied).flatMap(({ steps }) => steps.map(({ step }) => step))).toContain("open-build-root");
    expect(await lines(store)).toEqual(before);
    expect(await driftOf("second", second)).toEqual([]);
    await jailKind.remove(call("second"), second);
    expect(await driftOf("apache", state)).toEqual([]);
  });

  test("is the same after a start in it as before", async () => {
    const settings = [
      "MountAPIVFS=yes",
      "PrivateTmp=yes",
      "PrivateDevices=yes",
      "ProtectHome=yes",
      "ProtectSystem=strict",
      "PrivateNetwork=yes",
    ];
    const words = settings.map((setting) => `-p ${setting}`).join(" ");
    const binds = `-p BindReadOnlyPaths=/etc/passwd -p BindReadOnlyPaths=/etc/hosts -p 'TemporaryFileSystem=/run:mode=0755'`;
    const run = `systemd-run -q --wait --pipe -p RootDirectory=${state.rootDirectory} ${words} ${binds} /usr/sbin/apache2 -v`;
    expect(await shell(web, run)).toContain("Server version: Apache/2.4");
    expect(await driftOf("apache", state)).toEqual([]);
  });

  const cases: readonly [string, string, readonly string[]][] = [
    ["a deleted file", `rm TREE${html}`, [`missing: ${html}`]],
    [
      "a replaced file",
      `rm TREE${html}; echo x >TREE${html}; chmod 644 TREE${html}`,
      [`changed: ${html} (sha256 differs)`],
    ],
    ["a file edited in place, with its store entry", `echo x >>TREE${html}`, [`changed: ${html} (sha256 differs)`]],
    ["a mode", `chmod 0600 TREE${html}`, [`mode 0644 -> 0600: ${html}`]],
    ["an owner", `chown www-data TREE${html}`, [`owner root:root -> www-data:root: ${html}`]],
    ["a link led elsewhere", "ln -sfn /tmp TREE/bin", ["target usr/bin -> /tmp: /bin"]],
    ["a directory deleted", "rm -r TREE/etc/apache2/mods-enabled", ["missing: /etc/apache2/mods-enabled"]],
    [
      "a directory replaced by a link",
      "rm -r TREE/usr/lib/apache2; ln -s /etc TREE/usr/lib/apache2",
      ["kind directory -> link: /usr/lib/apache2", "missing: /usr/lib/apache2/modules"],
    ],
    ["a device", "rm TREE/dev/null; mknod -m 666 TREE/dev/null c 1 5", ["device c 1:3 -> c 1:5: /dev/null"]],
    ["something added", "mkdir TREE/opt; echo x >TREE/opt/x", ["unexpected: /opt"]],
    ["the library cache", "echo x >TREE/etc/ld.so.cache", ["changed: /etc/ld.so.cache (sha256 differs)"]],
    ["the launch", "rm TREE.launch.json", ["missing: DIGEST.launch.json"]],
    ["the mark", "rm TREE/../../owner.json", ["missing: the mark of jail apache (owner.json)"]],
    ["a build that was cut", "mkdir TREE/../.build-0123456789abcdef", ["unfinished: .build-0123456789abcdef"]],
  ];

  test.each(cases)("%s is named and mended", async (_, command, sentences) => {
    const before = await ours();
    await shell(web, command.replaceAll("TREE", state.rootDirectory));
    const drifted = { ...state, drift: await driftOf("apache", state) };
    expect(drifted.drift).toEqual(sentences.map((sentence) => sentence.replace("DIGEST", state.generation)));
    expect(jailKind.diff(drifted, inputs("apache", apache)).changes).toBe(true);
    expect(await up("apache", apache, drifted)).toEqual(state);
    expect(await driftOf("apache", state)).toEqual([]);
    expect(await ours()).toEqual(before);
  });

  test("gets another page in one round trip of steps, without a build root", async () => {
    const first = await up("apache", { ...apache, files: { [html]: { content: "one" } } }, state);
    const [applied, asked, start] = [plans.length, site.asks(), Date.now()];
    state = await up("apache", { ...apache, files: { [html]: { content: "two" } } }, first);
    console.log(`another page: ${Date.now() - start} ms`);
    expect([plans.length - applied, site.asks() - asked]).toEqual([1, 1]);
    expect(plans.at(-1)!.steps.map((step) => step.step)).not.toContain("open-build-root");
    expect(await lines(`cat ${state.rootDirectory}${html}`)).toEqual(["two"]);
    expect(await lines(`cat ${first.rootDirectory}${html}`)).toEqual(["one"]);
    expect(await driftOf("apache", state)).toEqual([]);
  });

  test("shares the store with a second jail, whose removal it survives", async () => {
    const args = { programs: ["/usr/bin/env"], discovery: { method: "static" } };
    const second = await up("env", args);
    const libc = `find ${second.rootDirectory} -name libc.so.6`;
    expect(await lines(`stat -c %h $(${libc})`)).not.toEqual(["2"]);
    expect(await lines(`chroot ${second.rootDirectory} /usr/bin/env A=1`)).toContain("A=1");
    await jailKind.remove(call("env"), second);
    expect(await driftOf("apache", state)).toEqual([]);
  });

  test("is not removed while a unit names its tree", async () => {
    const unit = "/etc/systemd/system/jailed-web@a.service";
    await shell(web, `printf '[Service]\\nRootDirectory=%s\\nExecStart=/x\\n' ${state.rootDirectory} >${unit}`);
    await expect(jailKind.remove(call("apache"), state)).rejects.toThrow(
      "jail apache is in use by jailed-web@a.service",
    );
    await shell(web, `rm ${unit}`);
  });

  test("leaves the host as it was when it is removed, and again", async () => {
    await jailKind.remove(call("apache"), state);
    expect(diffFingerprints(clean, await web.fingerprint())).toEqual([]);
    await jailKind.remove(call("apache"), state);
    expect(diffFingerprints(clean, await web.fingerprint())).toEqual([]);
    expect(await jailKind.read(call("apache"), state)).toBeUndefined();
  });
});

describe("a library that was updated on the host", () => {
  test("makes the jail stale, and the next run builds it anew with just that file changed", async () => {
    const library = (state: JailState) =>
      lines(`cd ${state.rootDirectory} && find . -type f ! -path ./etc/ld.so.cache -exec sha256sum {} + | sort`);
    const before = await up("apache", apache);
    const files = await library(before);
    const { was, is } = await upgradeLibrary((line) => shell(web, line));
    expect(is).not.toBe(was);
    const drift = await driftOf("apache", before);
    expect(drift).toEqual([`stale: zlib1g ${was} -> ${is}, 1 file`]);
    const after = await up("apache", apache, { ...before, drift });
    expect(after.packageVersions).toEqual({ ...before.packageVersions, zlib1g: is });
    expect(after.generation).not.toBe(before.generation);
    const changed = (await library(after)).filter((line) => !files.includes(line));
    expect(changed).toEqual([expect.stringMatching(/libz\.so\.1\.[0-9.]+$/)]);
    expect(await driftOf("apache", after)).toEqual([]);
    await jailKind.remove(call("apache"), after);
  });
});
