import { createHash } from "node:crypto";
import type { Finding } from "../../provider/generation/findings.ts";
import type { ObservedJail } from "../../provider/jail/observed.ts";
import { parseRecord } from "../../provider/jail/record.ts";
import type { Manifest } from "../../provider/manifest/manifest.ts";
import { parseManifest } from "../../provider/manifest/parse.ts";
import { FakeExit, type FakeHost, type FakeQuestion, type FakeState, type FakeStep } from "./fake-host.ts";

/** A path of a generation's tree; `inode` is the store's key for what is linked from there. */
export interface FakeNode {
  readonly kind: string;
  readonly mode: string;
  /** A file's sha256, a link's target, a device's number. */
  readonly value: string;
}

/** Generations on a fake host: trees by path, what is kept beside them in `files`, and the store. */
export interface FakeGenerations {
  readonly trees: Map<string, Map<string, FakeNode>>;
  /** `HASH.MODE` to the hash of the bytes that are really there. */
  readonly store: Map<string, string>;
  /** By id, the hashes of the files in it. */
  readonly buildRoots: Map<string, ReadonlySet<string>>;
  /** Hashes of the host's own files, by path. */
  readonly hostFiles: Map<string, string>;
  /** By package, what apt would install. */
  readonly candidates: Map<string, string>;
}

export function generationsOf(state: FakeState): FakeGenerations {
  const known = state.more.get("generations") as FakeGenerations | undefined;
  if (known) return known;
  const made: FakeGenerations = {
    trees: new Map(),
    store: new Map(),
    buildRoots: new Map(),
    hostFiles: new Map(),
    candidates: new Map(),
  };
  state.more.set("generations", made);
  return made;
}

/** Teaches a fake host the questions and steps of generations and jails. */
export function addGenerations(host: FakeHost): FakeGenerations {
  Object.assign(host.questions, generationQuestions);
  Object.assign(host.steps, generationSteps);
  return generationsOf(host.state);
}

const generationQuestions: Readonly<Record<string, FakeQuestion>> = {
  generation: (state, [base, digest]) => compare(state, base!, digest!),
  contents: () => new Map(),
  jail: (state, [base, discovery, files]) => observeJail(state, base!, discovery!, files!),
};

const generationSteps: Readonly<Record<string, FakeStep>> = {
  "generation-begin": (state, [base, digest], content) => {
    sweep(state, base!);
    if (hashOf(content!).slice(0, 16) !== digest) throw new FakeExit(1, `the entries are not those of ${digest}`);
    writeFile(state, `${base}/generations/.build-${digest}/entries`, content!);
  },
  "generation-part": (state, [base, digest, name], content) =>
    writeFile(state, `${base}/generations/.build-${digest}/${name}`, content!),
  "generation-content": (state, [base, digest, hash], content) =>
    writeFile(state, `${base}/generations/.build-${digest}/content/${hash}`, content!),
  "generation-seed": (state, [base, digest, source, ...paths]) => {
    const id = source!.match(/\/build\/([^/]+)\/root$/)?.[1];
    if (!generationsOf(state).buildRoots.has(id!)) throw new FakeExit(1, `there is no ${source}`);
    writeFile(state, `${base}/generations/.build-${digest}/seed.tar.gz`, `packed: ${paths.join(" ")}\n`);
  },
  "generation-build": (state, [base, digest, source, from]) => {
    const work = `${base}/generations/.build-${digest}`;
    const final = `${base}/generations/${digest}`;
    const { trees } = generationsOf(state);
    fill(state, textAt(state, `${work}/entries`)!, work, source!);
    trees.set(final, makeTree(textAt(state, `${work}/entries`)!));
    for (const name of ["entries", "manifest.json", "launch.json"])
      writeFile(state, `${final}.${name}`, textAt(state, `${work}/${name}`)!);
    const last = from!.startsWith("/") ? from! : `${base}/generations/${from}`;
    if (last === from && !trees.has(last)) throw new FakeExit(4, `${last} is gone`);
    writeFile(state, `${final}.host`, textAt(state, `${work}/packages`)!);
    const seed = textAt(state, `${work}/seed.tar.gz`) ?? textAt(state, `${last}.seed.tar.gz`);
    if (seed === undefined) state.files.delete(`${final}.seed.tar.gz`);
    else writeFile(state, `${final}.seed.tar.gz`, seed);
    writeFile(state, `${final}.sums`, sumsOf(state, final));
    sweep(state, base!);
  },
  "generation-mend": (state, [base, digest, source]) => {
    const final = `${base}/generations/${digest}`;
    const entries = textAt(state, `${final}.entries`);
    if (entries === undefined) throw new FakeExit(1, `${digest} has no entries`);
    fill(state, entries, `${base}/generations/.build-${digest}`, source!);
    generationsOf(state).trees.set(final, makeTree(entries));
    const seed = textAt(state, `${base}/generations/.build-${digest}/seed.tar.gz`);
    if (seed !== undefined) {
      writeFile(state, `${final}.seed.tar.gz`, seed);
      writeFile(state, `${final}.sums`, sumsOf(state, final));
    }
    sweep(state, base!);
  },
  "generation-prune": (state, [base, current, keep]) => {
    const spare = kept(state, base!).filter((digest) => digest !== current && !used(state, base!).has(digest));
    for (const digest of spare.slice(Number(keep))) generationsOf(state).trees.delete(`${base}/generations/${digest}`);
    sweep(state, base!);
    sweepStore(state);
  },
  "generation-remove": (state, [base]) => {
    const { trees } = generationsOf(state);
    for (const tree of [...trees.keys()]) if (tree.startsWith(`${base}/`)) trees.delete(tree);
    sweep(state, base!);
    sweepStore(state);
  },
  "close-build-root": (state, [id]) => {
    generationsOf(state).buildRoots.delete(id!);
  },
};

function observeJail(state: FakeState, base: string, discovery: string, files: string): ObservedJail {
  const recordText = textAt(state, `${base}/record.json`);
  const record = recordText === undefined ? undefined : parseRecord(recordText);
  const inside = [...state.files.keys()].filter((path) => path.startsWith(`${base}/`));
  const generation = record?.generation ?? "";
  const host = textAt(state, `${base}/generations/${generation}.host`) ?? "";
  const { candidates, buildRoots } = generationsOf(state);
  const stale = host.split("\n").flatMap((line) => {
    const [name, count, was] = line.split("\t");
    const is = candidates.get(name!);
    return was === undefined || was === "-" || is === undefined || is === was
      ? []
      : [{ name: name!, files: Number(count), was, is }];
  });
  const derive = record !== undefined && record.discovery === discovery && record.files !== files;
  const manifest = derive ? textAt(state, `${base}/generations/${record.built}.manifest.json`) : undefined;
  return {
    directory: inside.length > 0 ? "full" : state.files.has(base) ? "empty" : "absent",
    ownerText: textAt(state, `${base}/owner.json`),
    recordText,
    record,
    kept: kept(state, base),
    used: used(state, base),
    leftovers: [
      ...new Set(inside.flatMap((path) => path.match(/\/(\.build-[0-9a-f]+)\//)?.[1] ?? [])),
      ...(buildRoots.has(`jail-${base.split("/").pop()}`) ? ["build root"] : []),
    ],
    stale,
    findings: generation === "" ? [] : compare(state, base, generation),
    manifest: manifest === undefined ? undefined : (parseManifest(manifest) as Manifest),
    ...siblingOf(state, base, discovery),
  };
}

function siblingOf(state: FakeState, own: string, discovery: string): Pick<ObservedJail, "sibling"> {
  const mine = parseRecord(textAt(state, `${own}/record.json`) ?? "");
  const { trees } = generationsOf(state);
  if (mine?.discovery === discovery && trees.has(`${own}/generations/${mine.built}`)) return {};
  for (const [path, { content }] of state.files) {
    const base = path.match(/^(.*)\/record\.json$/)?.[1];
    const record = base === undefined || base === own ? undefined : parseRecord(content ?? "");
    if (record === undefined || record.discovery !== discovery || record.lock !== undefined) continue;
    if (compare(state, base!, record.built).length > 0) continue;
    const tree = `${base}/generations/${record.built}`;
    return { sibling: { tree, manifest: parseManifest(textAt(state, `${tree}.manifest.json`)!) as Manifest } };
  }
  return {};
}

function compare(state: FakeState, base: string, digest: string): readonly Finding[] {
  const final = `${base}/generations/${digest}`;
  const { trees, store, hostFiles } = generationsOf(state);
  const tree = trees.get(final);
  if (tree === undefined) return [{ what: "gone", path: "-", was: "-", is: "-" }];
  const found: Finding[] = [];
  const sums = textAt(state, `${final}.sums`);
  const seed = sums?.includes("seed.tar.gz ") ? ["seed.tar.gz"] : [];
  const beside = ["entries", "manifest.json", "launch.json", "host", "sums", ...seed];
  for (const name of beside) {
    const text = textAt(state, `${final}.${name}`);
    if (text === undefined) found.push({ what: "meta", path: name, was: "-", is: "missing" });
    else if (name !== "sums" && sums !== undefined && !sums.includes(`${name} ${hashOf(text)}\n`))
      found.push({ what: "meta", path: name, was: "-", is: "changed" });
  }
  const text = textAt(state, `${final}.entries`);
  if (text === undefined || hashOf(text).slice(0, 16) !== digest) return found;
  const wanted = makeTree(text);
  for (const [path, node] of wanted) {
    const is = tree.get(path);
    if (is === undefined) found.push({ what: "missing", path, was: "-", is: "-" });
    else if (is.kind !== node.kind) found.push({ what: "kind", path, was: node.kind, is: is.kind });
    else {
      if (is.mode !== node.mode) found.push({ what: "mode", path, was: node.mode, is: is.mode });
      if (is.value !== node.value) found.push({ what: "changed", path, was: node.value, is: is.value });
    }
    const shelf = store.get(`${node.value}.${node.mode}`);
    if (node.kind !== "f" || node.value === "made" || shelf === node.value) continue;
    const at = is?.value === node.value ? "tree" : hostFiles.get(path) === node.value ? "host" : "nowhere";
    found.push({ what: shelf === undefined ? "store-missing" : "store-changed", path, was: node.value, is: at });
  }
  for (const path of tree.keys()) if (!wanted.has(path)) found.push({ what: "unexpected", path, was: "-", is: "-" });
  return found;
}

function fill(state: FakeState, entries: string, work: string, source: string): void {
  const { store, buildRoots, hostFiles } = generationsOf(state);
  const id = source.match(/\/build\/([^/]+)\/root$/)?.[1];
  const inSource = (path: string, hash: string) =>
    source === "/" ? hostFiles.get(path) === hash : id !== undefined && buildRoots.get(id)?.has(hash) === true;
  const trees = [...generationsOf(state).trees.values()];
  for (const [path, { kind, mode, value }] of makeTree(entries)) {
    if (kind !== "f" || value === "made" || store.get(`${value}.${mode}`) === value) continue;
    const sent = state.files.has(`${work}/content/${value}`);
    const linked = trees.some((tree) => tree.get(path)?.value === value);
    if (!sent && !linked && !inSource(path, value))
      throw new FakeExit(4, `nowhere to be had: ${path} (sha256 ${value})`);
    store.set(`${value}.${mode}`, value);
  }
}

function makeTree(entries: string): Map<string, FakeNode> {
  const lines = entries.split("\n").filter((line) => line !== "");
  return new Map(
    lines.map((line) => {
      const [kind, mode, , , , value, path] = line.split("\t");
      return [path!, { kind: kind!, mode: mode!, value: value! }];
    }),
  );
}

/** Newest first; a map keeps the order of insertion. */
function kept(state: FakeState, base: string): readonly string[] {
  const trees = [...generationsOf(state).trees.keys()].filter((tree) => tree.startsWith(`${base}/generations/`));
  return trees.map((tree) => tree.split("/").pop()!).reverse();
}

function used(state: FakeState, base: string): ReadonlyMap<string, readonly string[]> {
  const users = new Map<string, readonly string[]>();
  for (const [path, { content }] of state.files) {
    const service = path.match(/^\/var\/lib\/pulumi-jail\/services\/([^/]+)\/[ab]\/uses$/)?.[1];
    const [jail, digest] = (content ?? "").trim().split(" ");
    if (service !== undefined && base.endsWith(`/jails/${jail}`))
      users.set(digest!, [...(users.get(digest!) ?? []), `service ${service}`]);
  }
  return users;
}

/** What a cut run left, and what lies beside a tree that is gone. */
function sweep(state: FakeState, base: string): void {
  const { trees } = generationsOf(state);
  for (const path of [...state.files.keys()]) {
    const beside = path.match(/^(.*\/generations\/[0-9a-f]{16})\.[a-z.]+$/)?.[1];
    const orphan = beside !== undefined && !trees.has(beside);
    if (path.startsWith(`${base}/generations/`) && (path.includes("/.build-") || orphan)) state.files.delete(path);
  }
}

function sweepStore(state: FakeState): void {
  const { trees, store } = generationsOf(state);
  const linked = new Set([...trees.values()].flatMap((tree) => [...tree.values()].map((n) => `${n.value}.${n.mode}`)));
  for (const shelf of [...store.keys()]) if (!linked.has(shelf)) store.delete(shelf);
}

function sumsOf(state: FakeState, final: string): string {
  const seed = state.files.has(`${final}.seed.tar.gz`) ? ["seed.tar.gz"] : [];
  const names = ["entries", "manifest.json", "launch.json", "host", ...seed];
  return names.map((name) => `${name} ${hashOf(textAt(state, `${final}.${name}`) ?? "")}\n`).join("");
}

function writeFile(state: FakeState, path: string, content: string): void {
  state.files.set(path, { type: "file", mode: "0600", owner: "root:root", content });
}

function textAt(state: FakeState, path: string): string | undefined {
  return state.files.get(path)?.content;
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
