import type { TestHost } from "../../dev/hosts/index.ts";

/** Microseconds that a system call takes in the kernel, refused at once for its arguments, without and with a unit's filters. */
export interface CallCost {
  readonly call: string;
  readonly bare: number;
  readonly filtered: number;
}

/** What a service's filters of system calls cost. */
export interface FilterCost {
  /** Filters of seccomp(2) that the unit has beside those that the host's own processes have. */
  readonly filters: number;
  readonly calls: readonly CallCost[];
}

/** The calls that Apache makes for a request of a small file, as strace -c counts them; numbers of x86-64. */
const CALLS = {
  ...{ read: 0, newfstatat: 262, openat: 257, mmap: 9, writev: 20, munmap: 11, write: 1, times: 100, close: 3 },
} as const;

/** Settings that put a filter on system calls (systemd.exec(5)); those with an effect on mounts only are left out. */
const FILTERING =
  /^(NoNewPrivileges|PrivateDevices|ProtectKernel\w+|ProtectClock|ProtectHostname|Restrict\w+|LockPersonality|MemoryDenyWriteExecute|SystemCall\w+)=/;

/** Times each call by perl in a transient unit that has the settings of a jailed service's unit, and in one without. */
export async function filterCost(host: TestHost, unitName: string): Promise<FilterCost> {
  const unit = (await host.exec(["cat", `/etc/systemd/system/${unitName}`])).stdout;
  const settings = unit.split("\n").filter((line) => FILTERING.test(line));
  const [bare, filtered] = [await timeCalls(host, []), await timeCalls(host, settings)];
  const calls = Object.keys(CALLS).map((call, index) => {
    return { call, bare: bare.calls[index] ?? Number.NaN, filtered: filtered.calls[index] ?? Number.NaN };
  });
  return { filters: filtered.filters - bare.filters, calls };
}

async function timeCalls(
  host: TestHost,
  settings: readonly string[],
): Promise<{ readonly filters: number; readonly calls: readonly number[] }> {
  const properties = settings.map((setting) => `--property=${setting}`);
  const words = ["systemd-run", "--quiet", "--pipe", ...properties, "perl", "-e", program, ...numbers()];
  const [filters = Number.NaN, ...calls] = (await host.exec(words, { timeout: 60_000 })).stdout.split(" ").map(Number);
  if (calls.length !== numbers().length || calls.some(Number.isNaN)) throw new Error("the calls could not be timed");
  return { filters, calls };
}

function numbers(): string[] {
  return Object.values(CALLS).map(String);
}

/** The least of five tries, in processor time: other work on the machine can only add to it. */
const program = `
use strict; my $times = 100_000;
open my $in, "<", "/proc/self/status"; my ($filters) = join("", <$in>) =~ /^Seccomp_filters:\\s+(\\d+)/m;
print $filters || 0;
for my $number (@ARGV) {
  my $least;
  for (1 .. 5) {
    my ($u, $s) = times;
    syscall($number, -1, 0, 0, 0, -1, 0) for 1 .. $times;
    my ($v, $t) = times;
    my $took = ($v + $t - $u - $s) * 1e6 / $times;
    $least = $took if !defined $least || $took < $least;
  }
  printf " %.3f", $least;
}
`;
