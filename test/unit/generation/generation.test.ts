import { describe, expect, test } from "vitest";
import { openedAtStart } from "../../../provider/discovery/opened-at-start.ts";
import { assembleSteps } from "../../../provider/generation/assemble.ts";
import { canonicalPath } from "../../../provider/generation/canonical.ts";
import { deriveManifest } from "../../../provider/generation/derive.ts";
import { describeFindings, type Finding, parseFindings } from "../../../provider/generation/findings.ts";
import { completeManifest } from "../../../provider/generation/fixed.ts";
import { surplusOf } from "../../../provider/generation/remove.ts";
import { judgeRepair, mendSteps } from "../../../provider/generation/repair.ts";
import { generationDigest, sha256 } from "../../../provider/manifest/digest.ts";
import { hasPath, renderEntries } from "../../../provider/manifest/entries.ts";
import type { Entry, Manifest } from "../../../provider/manifest/manifest.ts";
import { apacheManifest, apacheTree } from "../../support/apache-jail.ts";

const base = "/var/lib/pulumi-jail/jails/apache";
const html = "/var/www/html/index.html";
const file = (path: string, content: string) => ({ path, content, mode: "0644", owner: "root" });
const files = (content: string) => ({ [html]: { content, mode: "0644", owner: "root" } });

describe("a completed manifest", () => {
  const whole = apacheTree();
  const text = renderEntries(whole);

  test("has every place that systemd mounts on, or that a service binds over", () => {
    const places = ["/dev", "/proc", "/sys", "/run", "/tmp", "/var/tmp", "/root", "/home", "/bin", "/sbin", "/lib64"];
    const bound = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname"];
    const wanted = [...places, ...bound, "/etc/nsswitch.conf", "/etc/ld.so.cache", "/dev/urandom", "/var/log/apache2"];
    expect(wanted.filter((path) => !hasPath(text, path))).toEqual([]);
  });

  test("has every parent, before what lies in it", () => {
    const paths = whole.entries.map((entry) => entry.path);
    for (const path of paths) {
      const parent = path.slice(0, path.lastIndexOf("/"));
      if (parent !== "") expect(paths.indexOf(parent), path).toBeLessThan(paths.indexOf(path));
      if (parent !== "") expect(paths).toContain(parent);
    }
  });

  test("is complete already when it is completed again", () => {
    expect(completeManifest(whole)).toEqual(whole);
  });

  test("keeps what discovery said of a path", () => {
    const given: Entry = { path: "/root", kind: "directory", mode: "0700", owner: "root", group: "root", why: ["x"] };
    const manifest = apacheManifest();
    const completed = completeManifest({ ...manifest, entries: [...manifest.entries, given] });
    expect(completed.entries.find((entry) => entry.path === "/root")).toEqual(given);
  });

  test("takes a library cache that was traced for one that is made", () => {
    const manifest = apacheManifest();
    const cache = { ...manifest.entries[0]!, path: "/etc/ld.so.cache" };
    const completed = completeManifest({ ...manifest, entries: [...manifest.entries, cache] });
    expect(completed.entries.find((entry) => entry.path === cache.path)?.sha256).toBeUndefined();
  });
});

describe("a manifest made from the last one", () => {
  const derive = (built: Manifest, given: Parameters<typeof deriveManifest>[1]) =>
    deriveManifest(built, given, openedAtStart);

  test("is the one that a new discovery would have found", () => {
    const derived = derive(apacheTree(files("one")), [file(html, "two")])!;
    expect(derived).toEqual(apacheTree(files("two")));
    expect(generationDigest(derived)).toBe(generationDigest(apacheTree(files("two"))));
  });

  test("takes over a page of the package", () => {
    const derived = derive(apacheTree(), [file(html, "mine")])!;
    expect(derived.entries.find((entry) => entry.path === html)).toMatchObject({
      sha256: sha256("mine"),
      package: "apache2",
      why: ["opened when probed", "given in files"],
    });
  });

  test.each<[string, Manifest, Parameters<typeof deriveManifest>[1]]>([
    ["a file that is read at start", apacheTree(), [file("/etc/apache2/apache2.conf", "Listen 81\n")]],
    ["a file that nothing is known of", apacheTree(), [file("/var/www/html/new.html", "x")]],
    ["a directory's place", apacheTree(), [file("/var/www", "x")]],
    ["the end of one that covers a package's", apacheTree(files("mine")), []],
  ])("cannot be told for %s", (_, built, given) => {
    expect(derive(built, given)).toBeUndefined();
  });

  test("knows a declared file again behind a link", () => {
    const built = apacheTree();
    const link: Entry = {
      path: "/srv",
      kind: "symlink",
      mode: "0777",
      owner: "root",
      group: "root",
      target: "var/www",
      why: [],
    };
    const linked = { ...built, entries: [...built.entries, link] };
    const derived = derive(linked, [file("/srv/html/index.html", "mine")])!;
    expect(derived.entries.find((entry) => entry.path === html)?.sha256).toBe(sha256("mine"));
    expect(derived.entries).toHaveLength(linked.entries.length);
  });
});

test("a path is followed through links as the kernel would, but for its last part", () => {
  const link = (path: string, target: string): [string, Entry] => [
    path,
    { path, kind: "symlink", mode: "0777", owner: "root", group: "root", target, why: [] },
  ];
  const entries = new Map([
    link("/lib", "usr/lib"),
    link("/var/run", "/run"),
    link("/usr/lib/up", "../sbin"),
    link("/loop", "loop"),
  ]);
  expect(canonicalPath(entries, "/lib/x")).toBe("/usr/lib/x");
  expect(canonicalPath(entries, "/var/run/x/y")).toBe("/run/x/y");
  expect(canonicalPath(entries, "/lib/up/x")).toBe("/usr/sbin/x");
  expect(canonicalPath(entries, "/lib")).toBe("/lib");
  expect(canonicalPath(entries, "/loop/x")).toContain("loop");
});

describe("findings", () => {
  const digest = "0123456789abcdef";
  const hash = "ab".repeat(32);
  const lost = (is: string): Finding => ({ what: "store-changed", path: "/x", was: hash, is });
  const mode: Finding = { what: "mode", path: "/a\tb", was: "0644", is: "0600" };

  test("are read as the host prints them", () => {
    expect(parseFindings("mode\t/a\\tb\t0644\t0600\n")).toEqual([mode]);
    expect(() => parseFindings("mode\t/a\n")).toThrow("is no finding");
    expect(() => parseFindings("other\t/a\t-\t-\n")).toThrow("is no finding");
  });

  test("become a sentence per artefact", () => {
    const found: Finding[] = [
      { what: "missing", path: "/etc/x", was: "-", is: "-" },
      { what: "missing", path: "/etc/x/y", was: "-", is: "-" },
      { what: "missing", path: "/etc/x/y/z", was: "-", is: "-" },
      { what: "changed", path: "/x", was: hash, is: "-" },
      lost("nowhere"),
      { ...lost("tree"), what: "store-missing", path: "/y" },
      { what: "owner", path: "", was: "root:root", is: "games:root" },
      { what: "kind", path: "/k", was: "d", is: "l" },
      { what: "meta", path: "manifest.json", was: "-", is: "changed" },
      { what: "meta", path: "sums", was: "-", is: "missing" },
    ];
    expect(describeFindings(found, digest)).toEqual([
      "missing: /etc/x",
      "changed: /x (sha256 differs)",
      "missing in the store: /y (sha256 abababababababab)",
      "owner root:root -> games:root: /",
      "kind directory -> link: /k",
      "manifest changed",
      "missing: 0123456789abcdef.sums",
    ]);
  });

  test.each<[string, readonly Finding[]]>([
    ["nothing", []],
    ["mend", [mode]],
    ["mend", [lost("tree"), lost("host")]],
    ["fetch", [mode, lost("nowhere")]],
    ["rewrite", [mode, { what: "meta", path: "entries", was: "-", is: "missing" }]],
    ["rebuild", [{ what: "meta", path: "manifest.json", was: "-", is: "missing" }, lost("nowhere")]],
    ["rebuild", [{ what: "gone", path: "-", was: "-", is: "-" }]],
  ])("ask for %s", (repair, found) => {
    expect(judgeRepair(found, new Set())).toBe(repair);
  });

  test("ask for no more than the inputs when those hold the lost bytes", () => {
    const page = { ...lost("nowhere"), was: sha256("page") };
    const contents = new Map([
      [sha256("page"), "page"],
      [sha256("other"), "other"],
    ]);
    expect(judgeRepair([page], new Set(contents.keys()))).toBe("mend");
    expect(mendSteps(base, digest, [page], contents)).toEqual([
      {
        step: "generation-content",
        args: [base, digest, sha256("page")],
        content: "page",
        describe: `sending 4 bytes for generation ${digest}`,
      },
      { step: "generation-mend", args: [base, digest, "-"], describe: `mending /x of generation ${digest}` },
    ]);
  });
});

describe("seeds", () => {
  const seeds = [{ path: "/var/lib/db", files: 2, bytes: 1_500_000 }];
  const seed = { what: "meta", path: "seed.tar.gz", was: "-", is: "missing" } as const;
  const source = "/var/lib/pulumi-jail/build/jail-apache/root";

  test("are packed from a build root before the tree is built, and inherited without one", () => {
    const manifest = { ...apacheTree(), seeds };
    const digest = generationDigest(manifest);
    const steps = assembleSteps({ base, manifest, source });
    expect(steps.at(-2)).toEqual({
      step: "generation-seed",
      args: [base, digest, source, "/var/lib/db"],
      describe: "keeping what the packages put into /var/lib/db (2 files, 1.5 MB)",
    });
    const derived = assembleSteps({ base, manifest, from: digest });
    expect(derived.map(({ step }) => step)).not.toContain("generation-seed");
    expect(derived.at(-1)?.args).toEqual([base, digest, "-", digest]);
  });

  test("are no part of the digest, as what is in them differs by host", () => {
    const manifest: Manifest = { ...apacheTree(), seeds };
    expect(generationDigest(manifest)).toBe(generationDigest(apacheTree()));
  });

  test("that are lost are packed anew from the packages; the tree is only compared", () => {
    expect(judgeRepair([seed], new Set())).toBe("fetch");
    expect(judgeRepair([seed, { ...seed, path: "launch.json" }], new Set())).toBe("rebuild");
    expect(mendSteps(base, "d", [seed], new Map(), source, seeds).map(({ step, args }) => [step, ...args])).toEqual([
      ["generation-seed", base, "d", source, "/var/lib/db"],
      ["generation-mend", base, "d", source],
    ]);
  });
});

describe("bytes that the store has by a tree seen before", () => {
  const known = apacheTree();
  const sent = (manifest: Manifest, contents: ReadonlyMap<string, string>) =>
    assembleSteps({ base, manifest, contents, from: "d", known })
      .filter(({ step }) => step === "generation-content")
      .map(({ content }) => content);

  test("are not sent again, and all are sent where no tree was seen", () => {
    expect(sent(known, new Map())).toEqual([]);
    const steps = assembleSteps({ base, manifest: known, from: "d" }).map(({ step }) => step);
    expect(steps).toContain("generation-content");
  });

  test("are sent for a new content, and for a new mode of a known one", () => {
    const entry = known.entries.find(({ path }) => path === "/etc/nsswitch.conf") as Entry;
    const others = known.entries.filter(({ path }) => path !== entry.path);
    const page = "<p>new</p>";
    const changed: Entry = { ...entry, content: undefined, sha256: sha256(page), size: page.length };
    expect(sent({ ...known, entries: [...others, changed] }, new Map([[sha256(page), page]]))).toEqual([page]);
    expect(sent({ ...known, entries: [...others, { ...entry, mode: "0600" }] }, new Map())).toEqual([entry.content]);
  });
});

test("surplus is what is neither current, nor used, nor among the newest", () => {
  const used = new Map([["d", ["service web"]]]);
  expect(surplusOf(["a", "b", "c", "d", "e"], used, "c", 2)).toEqual(["e"]);
  expect(surplusOf(["a", "b", "c", "d", "e"], used, "c", 0)).toEqual(["a", "b", "e"]);
});
