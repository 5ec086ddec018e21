/** What confines the processes of a running unit, as the kernel says it. */
export interface Proof {
  /** Namespaces of PID 1, by kind. */
  readonly init: Readonly<Record<string, string>>;
  readonly main: number;
  readonly processes: readonly ConfinedProcess[];
  readonly mounts: readonly Mount[];
  readonly nofile: number | undefined;
}

/** One process of the unit. */
export interface ConfinedProcess {
  readonly pid: number;
  /** `device:inode` of its root directory: its path says "/" and proves nothing. */
  readonly root: string;
  readonly namespaces: Readonly<Record<string, string>>;
  readonly uids: string;
  readonly groups: string;
  readonly capabilities: string;
  readonly noNewPrivileges: boolean;
  readonly seccomp: number;
}

/** A line of the main process's mountinfo (proc(5)). */
export interface Mount {
  readonly at: string;
  /** Root of the mount within its file system. */
  readonly root: string;
  readonly options: readonly string[];
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** What has to hold. */
export interface ProofWish {
  readonly tree: string;
  readonly uid: number;
  readonly gid: number;
  readonly network: "private" | "host" | "none";
  /** Inode of the slot's namespace. */
  readonly namespaceInode: string | undefined;
  readonly hasCapabilities: boolean;
  readonly hardening: Readonly<Record<string, string>>;
  /** Paths that may be mounted writable with programs on them, or be bound. */
  readonly bound: readonly string[];
}

const namespaceKinds = ["mnt", "net", "ipc", "user", "uts"] as const;

/** Parses what scripts/ask-service.sh prints of a unit's processes. */
export function parseProof(lines: readonly string[]): Proof {
  const of = (kind: string) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  return {
    init: pairs(of("init")[0] ?? ""),
    main: Number(of("main")[0]),
    processes: of("pid").map(parseProcess),
    mounts: of("mount").map(parseMount),
    nofile: of("nofile")[0] === undefined ? undefined : Number(of("nofile")[0]),
  };
}

/** A sentence per thing that does not hold, children included; each names the process. */
export function violations(proof: Proof, wish: ProofWish): readonly string[] {
  if (proof.processes.length === 0) return ["no process of it could be read back"];
  return [
    ...proof.processes.flatMap((process) => processViolations(process, proof.init, wish)),
    ...mountViolations(proof.mounts, wish),
  ];
}

function processViolations(
  process: ConfinedProcess,
  init: Readonly<Record<string, string>>,
  wish: ProofWish,
): readonly string[] {
  const { namespaces: ns } = process;
  const lax = (directive: string) => wish.hardening[directive] === "no";
  const found = [
    process.root !== wish.tree && "its root is not the generation's tree",
    process.uids !== Array(4).fill(wish.uid).join(",") && `its uids are ${process.uids}, not ${wish.uid}`,
    process.groups !== "" && process.groups !== `${wish.gid}` && `it has supplementary groups ${process.groups}`,
    !wish.hasCapabilities && /[1-9a-f]/.test(process.capabilities) && `it holds capabilities ${process.capabilities}`,
    !process.noNewPrivileges && "it can gain privileges",
    process.seccomp !== 2 && "no filter of system calls is on",
    ns["mnt"] === init["mnt"] && "it is in the host's mount namespace",
    ns["ipc"] === init["ipc"] && !lax("PrivateIPC") && "it is in the host's IPC namespace",
    ns["user"] === init["user"] && !lax("PrivateUsers") && "it is in the host's user namespace",
    ns["uts"] === init["uts"] && !lax("ProtectHostname") && "it is in the host's UTS namespace",
    wish.network === "private" && ns["net"] !== wish.namespaceInode && "it is not in its own network namespace",
    wish.network === "none" && ns["net"] === init["net"] && "it is in the host's network namespace",
  ];
  return found
    .filter((text) => text !== false)
    .map((text) => `isolation is not in force: process ${process.pid}: ${text}`);
}

function mountViolations(mounts: readonly Mount[], wish: ProofWish): readonly string[] {
  const bound = new Set(wish.bound);
  const say = (text: string) => `isolation is not in force: ${text}`;
  return mounts.flatMap((mount) => {
    const writable = mount.options.includes("rw");
    if (mount.at === "/")
      return writable
        ? [say("its root is writable")]
        : mount.options.includes("nosuid")
          ? []
          : [say("its root allows setuid")];
    if (mount.at === "/proc" && mount.type === "proc") {
      const wanted = wish.hardening["ProtectProc"] ?? "invisible";
      const seen = mount.superOptions.find((option) => option.startsWith("hidepid="))?.slice("hidepid=".length);
      return seen === wanted || (seen === "2" && wanted === "invisible") || wanted === "default"
        ? []
        : [say(`/proc has hidepid=${seen ?? "off"}`)];
    }
    if (
      writable &&
      !mount.options.includes("noexec") &&
      !mount.at.startsWith("/dev") &&
      !/^\/(proc|sys)(\/|$)/.test(mount.at)
    )
      return [say(`${mount.at} is writable and programs on it can run`)];
    if (
      mount.root !== "/" &&
      writable &&
      !bound.has(mount.at) &&
      !["/tmp", "/var/tmp"].includes(mount.at) &&
      !mount.at.startsWith("/dev/")
    )
      return [say(`${mount.at} is a foreign bind mount`)];
    return [];
  });
}

function parseProcess(line: string): ConfinedProcess {
  const [pid = "", ...rest] = line.split(" ");
  const fields = pairs(rest.join(" "));
  return {
    pid: Number(pid),
    root: fields["root"] ?? "",
    namespaces: Object.fromEntries(namespaceKinds.map((kind) => [kind, fields[kind] ?? ""])),
    uids: fields["uid"] ?? "",
    groups: fields["groups"] ?? "",
    capabilities: fields["caps"] ?? "",
    noNewPrivileges: fields["nnp"] === "1",
    seccomp: Number(fields["seccomp"]),
  };
}

function parseMount(line: string): Mount {
  const [at = "", root = "", options = "", type = "", superOptions = ""] = line.split(" ");
  return { at, root, options: options.split(","), type, superOptions: superOptions.split(",") };
}

function pairs(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    text
      .split(" ")
      .filter((pair) => pair.includes("="))
      .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}
