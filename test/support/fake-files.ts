import { createHash } from "node:crypto";
import type { FileFacts } from "../../provider/host/questions/files.ts";
import { FakeExit, type FakeFile, type FakeQuestion, type FakeState, type FakeStep } from "./fake-host.ts";

/** The generic questions about files, on a fake host. */
export const fileQuestions: Readonly<Record<string, FakeQuestion>> = {
  files: (state, paths) => new Map(paths.map((path) => [path, factsOf(state, path)])),
  read: (state, [path]) => {
    const file = resolve(state, path!);
    if (file !== undefined && file.type !== "file") throw new Error(`${path} is no regular file`);
    return file?.content;
  },
  machine: (state) => ({
    machineId: state.machineId,
    bootId: state.bootId,
    hostname: "web1",
    systemdVersion: 252,
    kernel: "6.1.0",
    architecture: "x86_64",
    addresses: [{ interface: "host0", address: "192.0.2.10" }],
    uplink: { interface: "host0", address: "192.0.2.10" },
    aptAvailable: true,
    codename: "bookworm",
  }),
};

/** The generic steps on files, on a fake host. */
export const fileSteps: Readonly<Record<string, FakeStep>> = {
  "write-file": (state, [path, mode, owner], content) => {
    if (state.files.get(path!)?.type === "link") throw new FakeExit(3, `${path} is a symbolic link`);
    state.files.set(path!, { type: "file", mode: mode!, owner: withGroup(owner!), content: content ?? "" });
  },
  "remove-file": (state, [path]) => {
    if (state.files.get(path!)?.type === "directory") throw new FakeExit(1, `${path} is a directory`);
    state.files.delete(path!);
  },
  "make-directory": (state, [path, mode, owner]) => {
    for (let parent = parentOf(path!); isOurs(parent); parent = parentOf(parent)) {
      if (!state.files.has(parent)) state.files.set(parent, { type: "directory", mode: "0755", owner: "root:root" });
    }
    state.files.set(path!, { type: "directory", mode: mode!, owner: withGroup(owner!) });
  },
  "remove-directory": (state, [path]) => {
    if (state.files.get(path!)?.type === "directory" && below(state, path!).length === 0) state.files.delete(path!);
  },
  "remove-tree": (state, [path]) => {
    if (!path!.startsWith(`${stateDirectory}/`)) throw new FakeExit(1, `${path} is not below ${stateDirectory}`);
    for (const inside of below(state, path!)) state.files.delete(inside);
    state.files.delete(path!);
  },
  "expect-file": (state, [path, expected]) => {
    const facts = factsOf(state, path!);
    if ((facts?.sha256 ?? "-") !== expected) throw new FakeExit(3, `${path} was changed by somebody else meanwhile`);
  },
  "sweep-state": (state) => {
    const directories = [...state.files].filter(([path, file]) => file.type === "directory" && isOurs(path));
    for (const [path] of directories.sort(([a], [b]) => b.length - a.length)) {
      if (below(state, path).length === 0) state.files.delete(path);
    }
  },
};

const stateDirectory = "/var/lib/pulumi-jail";

function isOurs(path: string): boolean {
  return path === stateDirectory || path.startsWith(`${stateDirectory}/`);
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

function below(state: FakeState, path: string): readonly string[] {
  return [...state.files.keys()].filter((other) => other.startsWith(`${path}/`));
}

function withGroup(owner: string): string {
  return owner.includes(":") ? owner : `${owner}:${owner}`;
}

function resolve(state: FakeState, path: string): FakeFile | undefined {
  const file = state.files.get(path);
  return file?.type === "link" ? state.files.get(file.target!) : file;
}

function factsOf(state: FakeState, path: string): FileFacts | undefined {
  const file = state.files.get(path);
  if (file === undefined) return undefined;
  const [owner, group] = withGroup(file.owner).split(":");
  const bytes = Buffer.from(file.content ?? "");
  return {
    path,
    type: file.type,
    mode: file.mode,
    owner: owner!,
    group: group!,
    size: file.type === "link" ? Buffer.byteLength(file.target ?? "") : bytes.length,
    ...(file.type === "file" ? { sha256: createHash("sha256").update(bytes).digest("hex") } : {}),
    ...(file.type === "link" ? { target: file.target! } : {}),
  };
}
