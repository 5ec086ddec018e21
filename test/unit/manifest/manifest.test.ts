import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { completeManifest } from "../../../provider/generation/fixed.ts";
import { compareManifests } from "../../../provider/manifest/compare.ts";
import { generationDigest, sha256 } from "../../../provider/manifest/digest.ts";
import { hasPath, renderEntries } from "../../../provider/manifest/entries.ts";
import type { Entry, Manifest } from "../../../provider/manifest/manifest.ts";
import { parseLaunch, parseManifest, parseSeeds } from "../../../provider/manifest/parse.ts";
import { renderLaunch, renderManifest, sortKeys } from "../../../provider/manifest/render.ts";
import { treeMode } from "../../../provider/manifest/tree-mode.ts";
import { apacheManifest } from "../../support/apache-jail.ts";

const manifest = completeManifest(apacheManifest());

describe("a manifest's text", () => {
  test("is read back as it was", () => {
    expect(parseManifest(renderManifest(manifest))).toEqual(manifest);
    expect(parseLaunch(renderLaunch(manifest.launch))).toEqual(manifest.launch);
  });

  test("is one text however its keys and entries are shuffled", () => {
    const texts = new Set<string>();
    for (let round = 0; round < 100; round++) {
      const entries = shuffled(manifest.entries).map((entry) => shuffledKeys(entry) as Entry);
      const other = shuffledKeys({ ...manifest, entries, launch: shuffledKeys(manifest.launch) }) as Manifest;
      texts.add(`${generationDigest(other)} ${sha256(renderManifest(other))}`);
    }
    expect([...texts]).toEqual([`${generationDigest(manifest)} ${sha256(renderManifest(manifest))}`]);
  });

  test("holds an entry per line, for people and their diffs", () => {
    const lines = renderManifest(manifest).split("\n");
    expect(lines.filter((line) => line.startsWith('{"path":"'))).toHaveLength(manifest.entries.length);
  });

  test("has its seeds in a line of their own, which ask-service.sh takes out", () => {
    const seeds = [{ path: "/var/lib/db", files: 2, bytes: 10, changed: true }];
    const rendered = renderManifest({ ...manifest, seeds });
    const lines = rendered.split("\n").flatMap((line) => /^"seeds":(\[.*\]),?$/.exec(line)?.[1] ?? []);
    expect(lines.map(parseSeeds)).toEqual([seeds]);
    expect(parseManifest(rendered).seeds).toEqual(seeds);
  });

  test.each([["{}"], ["[]"], ['{"schema":2}'], [renderManifest(manifest).replace('"0755"', '"4755"')]])(
    "is refused when it is none: %.20s",
    (text) => {
      expect(() => parseManifest(text)).toThrow("the manifest is not as this version writes it");
    },
  );
});

describe("a generation's digest", () => {
  const change = (path: string, more: Partial<Entry>) => ({
    ...manifest,
    entries: manifest.entries.map((entry) => (entry.path === path ? { ...entry, ...more } : entry)),
  });
  const html = "/var/www/html/index.html";

  test.each<[string, Partial<Entry>]>([
    ["mode", { mode: "0600" }],
    ["owner", { owner: "www-data" }],
    ["group", { group: "www-data" }],
    ["content", { sha256: sha256("x") }],
    ["kind", { kind: "directory", sha256: undefined }],
  ])("moves with a path's %s", (_, more) => {
    expect(generationDigest(change(html, more))).not.toBe(generationDigest(manifest));
  });

  test("does not move with reasons, versions or the launch", () => {
    const other = change(html, { why: ["else"], version: "9", package: "other" });
    expect(generationDigest({ ...other, launch: { ...other.launch, argv: ["/x"] } })).toBe(generationDigest(manifest));
  });
});

describe("the entries file", () => {
  test("gives each path a line of seven fields, whatever is in its name", () => {
    const nasty = fc
      .string({ unit: "grapheme", minLength: 1 })
      .map((name) => name.replaceAll("/", "|").replaceAll("\0", ""));
    fc.assert(
      fc.property(nasty, fc.string(), (name, target) => {
        const entry: Entry = {
          path: `/${name}`,
          kind: "symlink",
          mode: "0777",
          owner: "root",
          group: "root",
          target,
          why: [],
        };
        const text = renderEntries({ entries: [entry], launch: manifest.launch });
        expect(text.split("\n")).toHaveLength(2);
        const fields = text.slice(0, -1).split("\t").map(unescaped);
        expect(fields).toEqual(["l", "0777", "0777", "root", "root", target, `/${name}`]);
      }),
    );
  });

  test("says whether a path is there", () => {
    const text = renderEntries(manifest);
    expect(["/etc", "/etc/passwd", "/usr/sbin/apache2"].filter((path) => hasPath(text, path))).toHaveLength(3);
    expect(["/et", "/etc/", "/etc/passw", "passwd"].filter((path) => hasPath(text, path))).toEqual([]);
  });
});

describe("the mode on disk", () => {
  const names = { users: new Set(["tomcat"]), groups: new Set(["tomcat"]) };
  const mode = (kind: Entry["kind"], given: string, owner = "root", group = "root") =>
    treeMode({ kind, mode: given, owner, group }, names);

  test("opens to all what the package opens to the daemon's own user or group, and only that", () => {
    expect(mode("file", "0640", "root", "tomcat")).toBe("0644");
    expect(mode("file", "0600", "tomcat", "tomcat")).toBe("0604");
    expect(mode("directory", "0750", "tomcat", "adm")).toBe("0755");
    expect(mode("file", "0640", "root", "ssl-cert")).toBe("0640");
    expect(mode("file", "0600")).toBe("0600");
  });

  test("lets nobody but root write, and keeps sticky directories", () => {
    expect(mode("file", "0666")).toBe("0644");
    expect(mode("directory", "0775", "tomcat", "tomcat")).toBe("0755");
    expect(mode("directory", "1777")).toBe("1777");
    expect(mode("device", "0666")).toBe("0666");
  });
});

describe("two manifests compared", () => {
  test("give nothing when they are equal, and a sentence per difference when not", () => {
    expect(compareManifests(manifest, manifest)).toEqual([]);
    const next = completeManifest(
      apacheManifest({ "/var/www/html/index.html": { content: "x", mode: "0600", owner: "root" } }, "2.4.63-1"),
    );
    const without = { ...next, entries: next.entries.filter((entry) => entry.path !== "/home") };
    expect(compareManifests(manifest, without)).toEqual([
      "apache2 2.4.62-1 -> 2.4.63-1",
      "gone: /home",
      "changed: /usr/sbin/apache2 (16 -> 16 bytes)",
      "changed: /var/www/html/index.html (11 -> 1 bytes)",
      "mode 0644 -> 0600: /var/www/html/index.html",
    ]);
    expect(compareManifests(without, manifest)).toContain("new: /home");
  });
});

test("keys are sorted at any depth, and what is undefined is left out", () => {
  expect(JSON.stringify(sortKeys({ b: [{ d: 1, c: undefined, a: 2 }], a: null }))).toBe(
    '{"a":null,"b":[{"a":2,"d":1}]}',
  );
});

function shuffled<Item>(items: readonly Item[]): readonly Item[] {
  return items
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function shuffledKeys(value: object): object {
  return Object.fromEntries(shuffled(Object.entries(value)));
}

function unescaped(text: string): string {
  return text.replace(/\\([tn\\])/g, (_, letter: string) => ({ t: "\t", n: "\n" })[letter] ?? "\\");
}
