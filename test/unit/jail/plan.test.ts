import { describe, expect, test } from "vitest";
import { completeManifest } from "../../../provider/generation/fixed.ts";
import { decideGeneration } from "../../../provider/jail/decide.ts";
import { desiredJail } from "../../../provider/jail/desired.ts";
import { checkJail } from "../../../provider/jail/inputs.ts";
import type { ObservedJail } from "../../../provider/jail/observed.ts";
import { planJail, planRemoval, recordOf } from "../../../provider/jail/plan.ts";
import { describeContents, renderRecord } from "../../../provider/jail/record.ts";
import { generationDigest, sha256 } from "../../../provider/manifest/digest.ts";
import { renderEntries } from "../../../provider/manifest/entries.ts";
import { renderLaunch, renderManifest } from "../../../provider/manifest/render.ts";
import { renderOwner } from "../../../provider/ownership/ownership.ts";
import { apacheArgs, apacheManifest, owner } from "../../support/apache-jail.ts";

const base = "/var/lib/pulumi-jail/jails/apache";
const manifest = completeManifest(apacheManifest());
const digest = generationDigest(manifest);
const desired = desiredJail(checkJail(undefined, apacheArgs).inputs);
const record = recordOf(desired, owner, undefined, digest, describeContents(manifest));
const ownerText = renderOwner(owner);

const converged: ObservedJail = {
  directory: "full",
  ownerText,
  recordText: renderRecord(record),
  record,
  kept: [digest],
  used: new Map(),
  leftovers: [],
  stale: [],
  findings: [],
};

const nothing: ObservedJail = {
  directory: "absent",
  kept: [],
  used: new Map(),
  leftovers: [],
  stale: [],
  findings: [],
};

const expectMark = {
  step: "expect-file",
  args: [`${base}/owner.json`, sha256(ownerText)],
  describe: "checking that jail apache is as it was seen",
};

const close = { step: "close-build-root", args: ["jail-apache"], describe: "removing the build root" };

describe("the plan of a jail", () => {
  test("is empty when it is converged", () => {
    expect(planJail(desired, converged, owner, { make: "nothing", digest }, record)).toEqual([]);
  });

  test("marks first, builds, and writes the record last but for what it takes away", () => {
    const making = { make: "build" as const, manifest, source: "/build/root" };
    const part = (name: string, content: string) => ({
      step: "generation-part",
      args: [base, digest, name],
      content,
      describe: `writing the ${name} of generation ${digest}`,
    });
    const content = (text: string) => ({
      step: "generation-content",
      args: [base, digest, sha256(text)],
      content: text,
      describe: `sending ${text.length} bytes for generation ${digest}`,
    });
    const nsswitch = manifest.entries.find((entry) => entry.path === "/etc/nsswitch.conf")!.content!;
    expect(planJail(desired, nothing, owner, making, record, { open: [], close: [close] })).toEqual([
      { ...expectMark, args: [`${base}/owner.json`, "-"] },
      { step: "make-directory", args: [base, "0700", "root:root"], describe: "making jail apache" },
      {
        step: "write-file",
        args: [`${base}/owner.json`, "0600", "root:root"],
        content: ownerText,
        describe: "marking jail apache as ours",
      },
      {
        step: "generation-begin",
        args: [base, digest],
        content: renderEntries(manifest),
        describe: `preparing generation ${digest}`,
      },
      part("manifest.json", renderManifest(manifest)),
      part("launch.json", renderLaunch(manifest.launch)),
      part("packages", "apache2\t3\t2.4.62-1\nlibc6\t1\t2.36\n"),
      content(""),
      content(nsswitch),
      {
        step: "generation-build",
        args: [base, digest, "/build/root", "-"],
        describe: "copying 11 files (0.0 MB)",
      },
      {
        step: "write-file",
        args: [`${base}/record.json`, "0600", "root:root"],
        content: renderRecord(record),
        describe: `choosing generation ${digest}`,
      },
      close,
    ]);
  });

  test("mends what differs and nothing else", () => {
    const findings = [{ what: "mode" as const, path: "/var/www/html/index.html", was: "0644", is: "0600" }];
    const making = { make: "mend" as const, digest, findings };
    expect(planJail(desired, { ...converged, findings }, owner, making, record)).toEqual([
      expectMark,
      {
        step: "generation-mend",
        args: [base, digest, "-"],
        describe: `mending /var/www/html/index.html of generation ${digest}`,
      },
    ]);
  });

  test("removes surplus generations that nobody uses", () => {
    const kept = [digest, "1111111111111111", "2222222222222222", "3333333333333333", "4444444444444444"];
    const prune = {
      step: "generation-prune",
      args: [base, digest, "3"],
      describe: `keeping 3 generations besides ${digest} and those in use`,
    };
    const plan = (used: ObservedJail["used"]) =>
      planJail(desired, { ...converged, kept, used }, owner, { make: "nothing", digest }, record);
    expect(plan(new Map())).toEqual([expectMark, prune]);
    expect(plan(new Map([["2222222222222222", ["service web"]]]))).toEqual([]);
  });

  test("rewrites the mark of a state that was moved", () => {
    const moved = { ...owner, stack: "prod", urn: owner.urn.replace("dev", "prod") };
    const steps = planJail(desired, converged, moved, { make: "nothing", digest }, record);
    expect(steps.map((step) => step.step)).toEqual(["expect-file", "make-directory", "write-file"]);
  });

  test("removes generations before the mark, so that a cut removal is still known as ours", () => {
    expect(planRemoval(desired, converged, [])).toEqual([
      expectMark,
      { step: "generation-remove", args: [base], describe: "removing all generations" },
      { step: "remove-tree", args: [base], describe: "removing jail apache" },
      { step: "sweep-state", args: [], describe: "removing empty directories" },
    ]);
  });
});

describe("where a generation comes from", () => {
  const decide = (observed: Partial<ObservedJail>, args: object = {}, opened = false) =>
    decideGeneration(
      desiredJail(checkJail(undefined, { ...apacheArgs, ...args }).inputs),
      { ...converged, ...observed },
      () => opened,
    );
  const lost = { what: "store-changed" as const, path: "/usr/sbin/apache2", was: "a".repeat(64), is: "nowhere" };

  test("is nowhere new when it is converged", () => {
    expect(decide({})).toEqual({ from: "kept", digest, mend: false });
  });

  test("is the store while that has the bytes, the packages when it has not", () => {
    expect(decide({ findings: [{ ...lost, is: "tree" }] })).toEqual({ from: "kept", digest, mend: true });
    expect(decide({ findings: [{ ...lost, is: "host" }] })).toEqual({ from: "kept", digest, mend: true });
    expect(decide({ findings: [lost] })).toEqual({ from: "packages", digest });
  });

  test("is the inputs for bytes that they hold", () => {
    const files = { "/x": { content: "mine" } };
    const given = desiredJail(checkJail(undefined, { ...apacheArgs, files }).inputs);
    const findings = [{ ...lost, path: "/x", was: sha256("mine") }];
    const same = { ...record, files: given.filesDigest };
    expect(decide({ findings, record: same }, { files })).toEqual({ from: "kept", digest, mend: true });
  });

  test("is the last manifest when only a file changed that is not read at start", () => {
    const files = { "/var/www/html/index.html": { content: "new" } };
    expect(decide({ manifest }, { files })).toMatchObject({ from: "last", digest });
    expect(decide({ manifest }, { files }, true)).toEqual({
      from: "discovery",
      because: "a file that is read at start changed",
    });
    expect(decide({ manifest, findings: [lost] }, { files }).from).toBe("discovery");
  });

  test("is a discovery when inputs changed, packages were updated, or the tree is gone", () => {
    const gone = { what: "gone" as const, path: "-", was: "-", is: "-" };
    const stale = [{ name: "libc6", files: 1, was: "1", is: "2" }];
    expect(decide({}, { users: ["news"] })).toEqual({ from: "discovery", because: "its inputs changed" });
    expect(decide({ stale })).toEqual({ from: "discovery", because: "packages were updated" });
    expect(decide({ kept: [], findings: [gone] })).toEqual({
      from: "discovery",
      because: `generation ${digest} is gone`,
    });
    expect(decide({ record: undefined })).toEqual({ from: "discovery", because: "nothing was built yet" });
  });
});
