import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { run } from "./command.ts";
import { hierarchies } from "./control-group.ts";
import type { Progress } from "./types.ts";

/** The programs hosts need on this machine, and Debian's package of each. */
const NEEDS: readonly { readonly program: string; readonly debianPackage: string }[] = [
  { program: "debootstrap", debianPackage: "debootstrap" },
  { program: "systemd-nspawn", debianPackage: "systemd-container" },
  { program: "nft", debianPackage: "nftables" },
  { program: "ip", debianPackage: "iproute2" },
  { program: "ssh", debianPackage: "openssh-client" },
  { program: "nsenter", debianPackage: "util-linux" },
  { program: "perl", debianPackage: "perl-base" },
];

/** Says in one sentence why this machine can't boot hosts, or undefined when it can. Changes nothing: it tries in namespaces of its own. */
export async function canBootHosts(): Promise<string | undefined> {
  if (process.platform !== "linux") return `this machine runs ${process.platform}, and hosts need Linux`;
  if (process.getuid?.() !== 0) return "booting hosts needs root";
  const packages = missingPackages();
  if (packages.length > 0 && findProgram("apt-get") === undefined) {
    return `hosts need ${packages.join(", ")}, and without apt-get we can't install them`;
  }
  if (!["x64", "arm64"].includes(process.arch)) return `hosts are made for x64 and arm64, not ${process.arch}`;
  if (hierarchies().length === 0) return "no control group hierarchy is mounted under /sys/fs/cgroup";
  if (readOnlyControlGroups())
    return "the control groups under /sys/fs/cgroup are read-only, as in an unprivileged container";
  return (await tryNamespaces()) ?? (await tryNetwork());
}

/** Debian packages that hosts need and this machine lacks. */
export function missingPackages(): string[] {
  return NEEDS.filter((need) => findProgram(need.program) === undefined).map((need) => need.debianPackage);
}

/** Installs {@link missingPackages} with apt-get; does nothing when there are none. */
export async function installNeeds(progress: Progress): Promise<void> {
  const packages = missingPackages();
  if (packages.length === 0) return;
  progress(`installing ${packages.join(", ")} with apt-get`);
  const options = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes"];
  await run([...options, "update"], { timeout: 300_000 });
  await run([...options, "install", "--no-install-recommends", ...packages], { timeout: 900_000 });
}

async function tryNamespaces(): Promise<string | undefined> {
  const argv = [
    "unshare",
    "--mount",
    "--uts",
    "--ipc",
    "--net",
    "--pid",
    "--fork",
    "mount",
    "-t",
    "tmpfs",
    "tmpfs",
    "/mnt",
  ];
  return whyNot(argv, "namespaces or mounts are not allowed here");
}

async function tryNetwork(): Promise<string | undefined> {
  // What is not installed yet can't be tried; installNeeds() comes between.
  const inNamespace = ["unshare", "--net"];
  const bridge = ["ip", "link", "add", "name", "pjtry", "type", "bridge"];
  const table = "table ip pjtry { chain out { type nat hook postrouting priority srcnat; masquerade; }; }";
  return (
    (findProgram("ip") && (await whyNot([...inNamespace, ...bridge], "this kernel makes no bridge"))) ||
    (findProgram("nft") &&
      (await whyNot([...inNamespace, "nft", table], "this kernel has no nftables masquerading"))) ||
    undefined
  );
}

async function whyNot(argv: readonly string[], reason: string): Promise<string | undefined> {
  try {
    const result = await run(argv, { reject: false, timeout: 20_000 });
    return result.exitCode === 0 ? undefined : `${reason} (${result.stderr.trim().split("\n")[0]})`;
  } catch (error) {
    return `${reason} (${error instanceof Error ? error.message : String(error)})`;
  }
}

function findProgram(name: string): string | undefined {
  const directories = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readOnlyControlGroups(): boolean {
  if (!existsSync("/proc/self/mounts")) return true;
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  return mounts.some(
    ([, , type, options]) => type?.startsWith("cgroup") === true && options?.split(",").includes("ro") === true,
  );
}
