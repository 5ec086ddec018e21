import { openedAtStart } from "../../provider/discovery/opened-at-start.ts";
import { buildRootDirectory, closeBuildRootStep, openBuildRootStep } from "../../provider/discovery/steps.ts";
import { completeManifest } from "../../provider/generation/fixed.ts";
import { HostError } from "../../provider/host/errors.ts";
import type { Host } from "../../provider/host/host.ts";
import type { DiscoveryFace } from "../../provider/jail/discovery-face.ts";
import type { JailInputs, JailOutputs } from "../../provider/jail/inputs.ts";
import { createJailKind } from "../../provider/jail/kind.ts";
import { sha256 } from "../../provider/manifest/digest.ts";
import type { Entry, Manifest } from "../../provider/manifest/manifest.ts";
import type { Call } from "../../provider/resource/kind.ts";
import { addGenerations, generationsOf } from "./fake-generation.ts";
import { createFakeHost, FakeExit, type FakeHost } from "./fake-host.ts";

/** A small Apache, as if traced: a program, its configuration, a page, a library. */
export function apacheManifest(files: JailInputs["files"] = {}, version = "2.4.62-1"): Manifest {
  const entry = (path: string, content: string, why: string, more: Partial<Entry> = {}): Entry => ({
    path,
    kind: "file",
    mode: "0644",
    owner: "root",
    group: "root",
    sha256: sha256(content),
    size: Buffer.byteLength(content),
    package: "apache2",
    version,
    why: [why],
    ...more,
  });
  const packaged = [
    entry("/etc/apache2/apache2.conf", "Listen 80\n", "opened at start"),
    entry("/usr/sbin/apache2", `program ${version}`, "run at start", { mode: "0755" }),
    entry("/usr/lib/x86_64-linux-gnu/libc.so.6", "libc", "needed by /usr/sbin/apache2", {
      package: "libc6",
      version: "2.36",
    }),
    entry("/var/www/html/index.html", "<p>It works", "opened when probed"),
  ];
  const entries = new Map(packaged.map((one) => [one.path, one]));
  for (const [path, file] of Object.entries(files)) {
    const before = entries.get(path);
    const made = entry(path, file.content, "given in files", { mode: file.mode, package: before?.package });
    entries.set(path, { ...made, why: [...(before?.why ?? []), "given in files"] });
  }
  return {
    schema: 1,
    source: "host",
    packages: { apache2: version, libc6: "2.36" },
    entries: [...entries.values()],
    launch: {
      unit: "apache2.service",
      type: "forking",
      argv: ["/usr/sbin/apache2", "-k", "start"],
      workingDirectory: "/",
      environment: { LANG: "C" },
      user: "root",
      group: "root",
      users: [{ name: "www-data", group: "www-data", home: "/var/www" }],
      listens: [{ protocol: "tcp", jailPort: 80 }],
      writable: [{ path: "/var/log/apache2", kind: "logs", mode: "0755" }],
      writeExecuteMemory: false,
    },
  };
}

/** What `jail` builds from these inputs' files. */
export function apacheTree(files: JailInputs["files"] = {}, version?: string): Manifest {
  return completeManifest(apacheManifest(files, version));
}

export const owner = {
  organization: "organization",
  project: "site",
  stack: "dev",
  urn: "urn:pulumi:dev::site::pulumi-nodejs:dynamic/jail:Jail::apache",
  claim: "claim-1",
};

const connection = {
  host: "192.0.2.10",
  port: 22,
  user: "root",
  sudo: false,
  hostKey: "ssh-ed25519 AAAA",
  dialErrorLimit: 10,
  perDialTimeout: 15,
};

const hidden = {
  schema: 1 as const,
  name: "apache",
  host: "web1",
  urn: owner.urn,
  organization: "organization",
  timeouts: {},
  replaceOnChanges: [],
};

/** Inputs as they come to check, before any default. */
export const apacheArgs = { connection, __jail: hidden, packages: ["apache2"], unit: "apache2.service" };

/** The Jail kind on a fake host, whose discovery opens a build root and finds `apacheManifest`. */
export function apacheSetup() {
  const host = createFakeHost();
  const generations = addGenerations(host);
  const seen = {
    discoveries: 0,
    buildRoots: 0,
    broken: undefined as string | undefined,
    version: undefined as string | undefined,
    seeds: undefined as Manifest["seeds"],
    renewing: false,
    fetches: 0,
    gone: [] as string[],
  };
  const locks = new Map<string, string>();
  host.steps["open-build-root"] = (state, [id], content) => {
    seen.buildRoots++;
    const files = (content ?? "").split("\n");
    const given = Object.fromEntries(
      files.flatMap((line, index) => {
        const path = line.match(/^0[0-7]{3} \S+ \d+ (\/.*)$/)?.[1];
        return path === undefined ? [] : [[path, { content: files[index + 1]!, mode: "0644", owner: "root" }]];
      }),
    );
    const { entries } = apacheManifest(given, seen.version);
    generationsOf(state).buildRoots.set(id!, new Set(entries.map((one) => one.sha256!)));
  };
  host.steps["fetch-packages"] = (state, [id], content) => {
    const lines = (content ?? "").split("\n").map((line) => line.split("\t"));
    const lacking = lines.filter(([kind, hash, mode]) => kind === "F" && !generations.store.has(`${hash}.${mode}`));
    generationsOf(state).buildRoots.set(id!, new Set(lacking.map(([, hash]) => hash!)));
    if (lacking.length === 0) return;
    seen.fetches++;
    const gone = lacking.map(([, , , from]) => from!).find((from) => seen.gone.includes(from));
    if (gone) throw new FakeExit(4, `${gone.replace("=", " ")} is not to be had any more`);
  };
  const face: DiscoveryFace = {
    openedAtStart,
    buildRootDirectory,
    openBuildRootStep,
    closeBuildRootStep,
    lockFiles: {
      read: (path) => locks.get(path),
      write: (path, text) => locks.set(path, text),
      renewing: () => seen.renewing,
    },
    async discover(on: Host, spec, { id, urn, lock, progress }) {
      seen.discoveries++;
      await on.apply({ lock, urn, steps: [openBuildRootStep(id, lock, spec, true)] }, progress);
      if (seen.broken)
        throw new HostError("discovery", on.label, "apache2.service did not start", { stderr: seen.broken });
      const plain = apacheManifest(spec.files, seen.version);
      const packages = { ...plain.packages, ...Object.fromEntries(generations.candidates) };
      const manifest = { ...plain, packages, ...(seen.seeds && { seeds: seen.seeds }) };
      return { manifest, buildRoot: buildRootDirectory(id) };
    },
  };
  const jail = createJailKind(face);
  const progress: string[] = [];
  const warnings: string[] = [];
  const callAs = (who: Partial<typeof owner> = {}): Call => ({
    host,
    progress: (text) => progress.push(text),
    warn: (text) => warnings.push(text),
    owner: { ...owner, ...who },
    deadlineSeconds: 600,
    hostFor: () => host,
  });
  const inputs = (args: object = {}): JailInputs => jail.check(undefined, { ...apacheArgs, ...args }).inputs;
  const up = async (args: object = {}, state?: JailInputs & JailOutputs, who: Partial<typeof owner> = {}) => {
    const wanted = inputs(args);
    return { ...wanted, ...(await jail.converge(callAs(who), wanted, state)) };
  };
  return { host, generations, locks, warnings, jail, callAs, inputs, up, seen, progress };
}

export type ApacheSetup = ReturnType<typeof apacheSetup>;
export { FakeExit, type FakeHost };
