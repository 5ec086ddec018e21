import type { TestHost } from "../../dev/hosts/index.ts";

/** What a running jail consists of, as its own processes have it. */
export interface JailView {
  readonly mainPid: number;
  /** The main process, then its children. */
  readonly pids: readonly number[];
  /** Paths of all regular files, without what is mounted over the tree. */
  readonly files: readonly string[];
  readonly passwd: string;
  readonly group: string;
  /** Mount point to options and type, as in mountinfo. */
  readonly mounts: Readonly<Record<string, string>>;
}

/** Looks at a unit's jail from the host. */
export async function viewJail(host: TestHost, unitName: string): Promise<JailView> {
  const { stdout } = await host.exec(["sh", "-euc", script, "sh", unitName]);
  const [pids = "", files = "", passwd = "", group = "", mounts = ""] = stdout.split("\n==\n");
  const numbers = pids.split(/\s+/).filter(Boolean).map(Number);
  return {
    mainPid: numbers[0] ?? 0,
    pids: numbers,
    files: files.split("\n"),
    passwd,
    group,
    mounts: Object.fromEntries(
      mounts.split("\n").flatMap((line) => {
        const [, , , , point = "", options, ...rest] = line.split(" ");
        return point === "" ? [] : [[point, `${options} ${rest.slice(rest.indexOf("-") + 1).join(" ")}`] as const];
      }),
    ),
  };
}

const script = `pid=$(systemctl show -P MainPID "$1")
echo "$pid" $(pgrep -P "$pid")
echo ==
tree=$(systemctl show -P RootDirectory "$1")
find "$tree" -type f -printf '/%P\\n' | sort
echo ==
cat "/proc/$pid/root/etc/passwd"
echo ==
cat "/proc/$pid/root/etc/group"
echo ==
cat "/proc/$pid/mountinfo"`;
