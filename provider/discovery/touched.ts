import { childOf } from "./processes.ts";
import { type Call, descriptorPath, unquote } from "./strace.ts";
import { type Phase, phaseAt, type TraceNotes } from "./trace.ts";

/** How the daemon used a path. */
export type Use = "opened" | "run" | "examined" | "listed" | "written";

/** By path as the daemon named it (or, for what it opened, as the kernel did): each use with the first phase it was seen in. */
export type Touched = ReadonlyMap<string, ReadonlyMap<Use, Phase>>;

/** What the calls touched, with working directories and chroots followed. */
export function findTouched(calls: readonly Call[], notes: TraceNotes): Touched {
  const touched = new Map<string, Map<Use, Phase>>();
  const places = new Map<number, Place>();
  const note = (path: string | undefined, use: Use, call: Call) => {
    if (path === undefined) return;
    const uses = touched.get(path) ?? new Map<Use, Phase>();
    touched.set(path, uses);
    const phase = phaseAt(notes, call.time);
    const known = uses.get(use);
    if (known === undefined || phaseOrder.indexOf(phase) < phaseOrder.indexOf(known)) uses.set(use, phase);
  };
  const heritage = parents(calls);
  for (const call of calls) {
    const place = placeOf(places, heritage, call.pid);
    const directory = call.args
      .map((argument) => /^AT_FDCWD<(\/.*)>$/.exec(argument)?.[1])
      .find((found) => found !== undefined);
    if (directory !== undefined) place.directory = directory;
    const child = childOf(call);
    if (child !== undefined && !places.has(child)) places.set(child, { ...place });
    for (const [path, use] of usesOf(call, place)) note(path, use, call);
  }
  return touched;
}

interface Place {
  directory: string;
  root: string;
}

const phaseOrder: readonly Phase[] = ["start", "probe", "reload", "stop"];

/** Calls whose first argument is a path, and whose argument after a directory's descriptor is one; per use. */
const pathCalls: Readonly<Record<string, Use>> = {
  access: "examined",
  stat: "examined",
  lstat: "examined",
  readlink: "examined",
  statfs: "examined",
  getxattr: "examined",
  lgetxattr: "examined",
  listxattr: "examined",
  llistxattr: "examined",
  execve: "run",
  uselib: "opened",
  mkdir: "written",
  rmdir: "written",
  unlink: "written",
  creat: "written",
  chmod: "written",
  chown: "written",
  lchown: "written",
  truncate: "written",
  utime: "written",
  utimes: "written",
  mknod: "written",
  setxattr: "written",
  lsetxattr: "written",
};
const atCalls: Readonly<Record<string, Use>> = {
  faccessat: "examined",
  faccessat2: "examined",
  newfstatat: "examined",
  fstatat64: "examined",
  statx: "examined",
  readlinkat: "examined",
  name_to_handle_at: "examined",
  inotify_add_watch: "examined",
  execveat: "run",
  mkdirat: "written",
  unlinkat: "written",
  fchmodat: "written",
  fchmodat2: "written",
  fchownat: "written",
  utimensat: "written",
  futimesat: "written",
  mknodat: "written",
};

function usesOf(call: Call, place: Place): readonly (readonly [string | undefined, Use])[] {
  const { name, args } = call;
  const at = (index: number) => absolute(place, unquote(args[index]), descriptorPath(args[index - 1]));
  const plain = (index: number) => absolute(place, unquote(args[index]), undefined);
  switch (name) {
    case "open":
      return [
        [descriptorPath(call.result) ?? plain(0), writes(args[1]) ? "written" : "opened"],
        ...also(call, plain(0), args[1]),
      ];
    case "openat":
    case "openat2":
      return [
        [descriptorPath(call.result) ?? at(1), writes(args[2]) ? "written" : "opened"],
        ...also(call, at(1), args[2]),
      ];
    case "getdents64":
      return [[descriptorPath(args[0]), "listed"]];
    case "chdir":
      place.directory = plain(0) ?? place.directory;
      return [[place.directory, "examined"]];
    case "fchdir":
      place.directory = descriptorPath(args[0]) ?? place.directory;
      return [[place.directory, "examined"]];
    case "chroot":
      place.root = plain(0) ?? place.root;
      return [[place.root, "examined"]];
    case "rename":
      return [
        [plain(0), "written"],
        [plain(1), "written"],
      ];
    case "renameat":
    case "renameat2":
      return [
        [at(1), "written"],
        [at(3), "written"],
      ];
    case "link":
      return [
        [plain(0), "examined"],
        [plain(1), "written"],
      ];
    case "linkat":
      return [
        [at(1), "examined"],
        [at(3), "written"],
      ];
    case "symlink":
      return [[plain(1), "written"]];
    case "symlinkat":
      return [[at(2), "written"]];
    case "bind": {
      const path = /sun_path=("(?:[^"\\]|\\.)*")/.exec(args[1] ?? "")?.[1];
      return [[absolute(place, unquote(path), undefined), "written"]];
    }
  }
  const use = pathCalls[name];
  if (use !== undefined) return [[plain(0), use]];
  const useAt = atCalls[name];
  if (useAt !== undefined) return [[at(1), useAt]];
  return [];
}

/** The name that was asked for, beside the one that it led to: the links between them are needed as well. */
function also(
  call: Call,
  asked: string | undefined,
  flags: string | undefined,
): readonly (readonly [string | undefined, Use])[] {
  const reached = descriptorPath(call.result);
  if (reached === undefined || reached === asked) return [];
  return [[asked, writes(flags) ? "written" : "opened"]];
}

function writes(flags: string | undefined): boolean {
  return /\b(O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE)\b/.test(flags ?? "");
}

function absolute(place: Place, path: string | undefined, directory: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const below = path.startsWith("/") ? place.root : (directory ?? place.directory);
  if (path === "") return directory;
  return `${below === "/" ? "" : below}/${path}`.replace(/\/{2,}/g, "/").replace(/(.)\/+$/, "$1");
}

function parents(calls: readonly Call[]): ReadonlyMap<number, number> {
  return new Map(calls.flatMap((call) => (childOf(call) === undefined ? [] : [[childOf(call)!, call.pid]])));
}

/** A child may be seen before the fork that made it has returned: it begins where its parent is by then. */
function placeOf(places: Map<number, Place>, heritage: ReadonlyMap<number, number>, pid: number): Place {
  const known = places.get(pid);
  if (known !== undefined) return known;
  const parent = heritage.get(pid);
  const place = { ...((parent === undefined ? undefined : places.get(parent)) ?? { directory: "/", root: "/" }) };
  places.set(pid, place);
  return place;
}
