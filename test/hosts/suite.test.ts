import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { diffFingerprints, type Fingerprint, type TestHost } from "../../dev/hosts/index.ts";
import { publishNewer } from "../support/package-repository.ts";
import { type JailSite, type JailState, openJailSite } from "./jail-site.ts";

let site: JailSite;
let web: TestHost;
let plans: JailSite["plans"];

beforeAll(async () => {
  site = await openJailSite("suite");
  ({ web, plans } = site);
});
afterAll(() => site?.close());

const up = (name: string, args: object, state?: JailState) => site.up(name, args, state);
const driftOf = (name: string, state: JailState) => site.driftOf(name, state);
const onWeb = (line: string) => site.shell(line);
const state = "/var/lib/pulumi-jail";

describe("a newer version in the host's package index", () => {
  const args = { programs: ["/usr/bin/dpkg-deb"] };
  let first: JailState;
  let second: JailState;
  let newer: { readonly sources: string; readonly was: string; readonly is: string };

  beforeAll(async () => {
    first = await up("deb", args);
    await onWeb("apt-get -q update >/dev/null");
    newer = await publishNewer(onWeb, "zlib1g", "/srv/newer");
    expect(await driftOf("deb", first)).toEqual([]);
    await onWeb(`echo '${newer.sources}' >/etc/apt/sources.list.d/newer.list; apt-get -q update >/dev/null 2>&1`);
  });

  test("is named with jail, package and versions, and nothing is written for that", async () => {
    const before = await web.fingerprint();
    const start = Date.now();
    expect(await driftOf("deb", first)).toEqual([`stale: zlib1g ${newer.was} -> ${newer.is}, 1 file`]);
    console.log(`read: ${Date.now() - start} ms`);
    expect(diffFingerprints(before, await web.fingerprint())).toEqual([]);
  });

  test("is none of a package that is on hold, nor of one whose version was asked for", async () => {
    await onWeb("apt-mark hold zlib1g");
    expect(await driftOf("deb", first)).toEqual([]);
    await onWeb("apt-mark unhold zlib1g");
    expect(await driftOf("deb", { ...first, packages: [`zlib1g=${newer.was}`] })).toEqual([]);
    expect(await driftOf("deb", first)).toHaveLength(1);
  });

  test("comes into a new generation, and the host keeps its own", async () => {
    second = await up("deb", args, first);
    expect(second.packageVersions).toEqual({ ...first.packageVersions, zlib1g: newer.is });
    expect(second.generation).not.toBe(first.generation);
    expect(await driftOf("deb", second)).toEqual([]);
    expect(await onWeb(`dpkg-query -W -f '\${Version}' zlib1g`)).toBe(newer.was);
    expect(await onWeb(`ls -d ${first.rootDirectory}`)).toBe(`${first.rootDirectory}\n`);
  });

  test("is left again by a pin, and back by taking it away, without a build", async () => {
    const applied = plans.length;
    const pinned = await up("deb", { ...args, pinnedGeneration: first.generation }, second);
    expect(pinned.generation).toBe(first.generation);
    expect(pinned.packageVersions).toEqual(first.packageVersions);
    expect(await driftOf("deb", pinned)).toEqual([]);
    expect(await up("deb", args, pinned)).toEqual(second);
    const steps = plans.slice(applied).flatMap((plan) => plan.steps.map((step) => step.step));
    expect(steps).toContain("write-file");
    expect(steps).not.toContain("open-build-root");
  });

  test("is none when the index goes back to an older one", async () => {
    await onWeb("rm /etc/apt/sources.list.d/newer.list; apt-get -q update >/dev/null 2>&1");
    expect(await driftOf("deb", second)).toEqual([]);
    expect(await up("deb", args, second)).toEqual(second);
    await site.remove("deb", second);
    await onWeb("rm -r /srv/newer");
    expect(await onWeb(`ls -d ${state} 2>/dev/null || true`)).toBe("");
  });
});

describe("a suite of another release", () => {
  const source = { suite: "trixie" };
  const args = { packages: ["hello"], programs: ["/usr/bin/hello"], source };
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  let clean: Fingerprint;
  let one: JailState;
  let other: JailState;

  beforeAll(async () => {
    clean = await web.fingerprint();
  });

  test("is refused without the key that signed it, and leaves nothing but the jail's mark", async () => {
    await onWeb(`cp -a ${keyring} /root/; cp /usr/share/keyrings/debian-archive-bullseye-stable.gpg ${keyring}`);
    const error = await up("one", args).catch((thrown) => thrown);
    expect(String(error.message)).toContain("suite trixie could not be bootstrapped from http");
    expect(String(error.message)).toMatch(/key|signature/i);
    await onWeb(`mv /root/${keyring.split("/").pop()} ${keyring}`);
    expect(await onWeb(`cd ${state} && find . -type f`)).toBe("./jails/one/owner.json\n");
  });

  test("is bootstrapped once for two jails that want it at once, and runs on this host", async () => {
    [one, other] = await Promise.all([up("one", args), up("other", { ...args, include: ["/usr/share/doc/hello"] })]);
    expect(await onWeb(`ls ${state}/suites | wc -l`)).toBe("1\n");
    expect(await onWeb(`chroot ${one.rootDirectory} /usr/bin/hello`)).toBe("Hello, world!\n");
    expect(one.packageVersions["libc6"]).not.toBe(await onWeb(`dpkg-query -W -f '\${Version}' libc6`));
    expect([await driftOf("one", one), await driftOf("other", other)]).toEqual([[], []]);
    expect(site.warnings).toEqual([]);
  });

  test("has updates, which are drift like any other", async () => {
    const tree = (await onWeb(`echo ${state}/suites/*/tree`)).trim();
    await onWeb(`ln -s ${tree}/srv/newer /srv/newer`);
    const download = `cp /etc/resolv.conf ${tree}/etc/; chroot ${tree} sh -c 'cd /srv/newer; apt-get -q download hello'`;
    const newer = await publishNewer(onWeb, "hello", `${tree}/srv/newer`, download);
    await onWeb(`echo 'deb [trusted=yes] file:/srv/newer ./' >>${tree}/etc/apt/sources.list`);
    expect(await driftOf("one", one)).toEqual([]);
    await onWeb("touch -d '2 hours ago' /run/pulumi-jail/suites/*/asked");
    const start = Date.now();
    expect(await driftOf("one", one)).toEqual([`stale: hello ${newer.was} -> ${newer.is}, 1 file`]);
    console.log(`read with a new index: ${Date.now() - start} ms`);
    const later = await up("one", args, one);
    expect(later.packageVersions).toEqual({ ...one.packageVersions, hello: newer.is });
    expect(await driftOf("one", later)).toEqual([]);
    one = later;
    expect(await onWeb("dpkg -l debootstrap hello 2>/dev/null | grep ^ii || true")).toBe("");
    await onWeb("rm /srv/newer");
  });

  test("goes with the last jail that has it, and the host is as it was", async () => {
    await site.remove("other", other);
    expect(await onWeb(`ls ${state}/suites | wc -l`)).toBe("1\n");
    await site.remove("one", one);
    expect(diffFingerprints(clean, await web.fingerprint())).toEqual([]);
  });
});
