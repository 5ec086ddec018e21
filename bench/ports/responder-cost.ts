import { connect } from "node:net";
import type { TestHost } from "../../dev/hosts/index.ts";
import { median } from "../figures.ts";

/** What one question of an edge takes of a host. */
export interface ResponderCost {
  /** Of a processor, of the program's process alone: what systemd takes to start it is in `answerMs` only. */
  readonly cpuMs: number;
  /** The most that the process had resident, with the pages of Perl that it shares. */
  readonly peakKib: number;
  /** From connecting to the end of the answer, median. */
  readonly answerMs: number;
}

const QUESTIONS = 200;

/** Asks a service's weight as HAProxy's agent-check does. */
export async function responderCost(host: TestHost, asked: string, port: number): Promise<ResponderCost> {
  const { stdout } = await host.exec([
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
    "perl",
    "-e",
    SCRIPT,
    asked,
  ]);
  const [cpuMs = Number.NaN, peakKib = Number.NaN] = stdout.trim().split(" ").map(Number);
  if (!(cpuMs > 0 && peakKib > 0)) throw new Error(`the responder's cost was not measured: ${stdout}`);
  const times: number[] = [];
  for (let count = 0; count < QUESTIONS; count += 1) {
    const from = performance.now();
    const answer = await ask(host.address, port, asked);
    if (!/^up (ready )?\d+%\n$/.test(answer)) throw new Error(`the responder answered ${JSON.stringify(answer)}`);
    times.push(performance.now() - from);
  }
  return { cpuMs, peakKib, answerMs: median(times) };
}

/** Prints `CPU-MS PEAK-KIB`: processor time of many runs over their count, as a process's ticks are 10 ms; one run's peak. */
const SCRIPT = `my $program = "/var/lib/pulumi-jail-responder/respond";
sub run { my ($out, @words) = @_; pipe my $in, my $to or die; print $to $ARGV[0]; close $to;
  my $pid = fork // die; if (!$pid) { open STDIN, "<&", $in; open STDOUT, ">", $out; exec @words or die } waitpid $pid, 0; die "failed" if $? }
run("/dev/null", $program) for 1 .. ${QUESTIONS};
my @t = times; printf "%.3f ", 1000 * ($t[2] + $t[3]) / ${QUESTIONS};
my $file = "/dev/shm/bench-peak.$$";
run($file, "perl", "-e", 'do $ARGV[0]; open my $null, ">", "/dev/null"; { local *STDOUT = $null; main() } open my $s, "<", "/proc/self/status"; print map { /^VmHWM:\\s+(\\d+)/ ? $1 : () } <$s>', $program);
open my $in, "<", $file or die; print <$in>, "\\n"; unlink $file;`;

function ask(address: string, port: number, asked: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, address, () => socket.write(asked));
    socket.setTimeout(20_000, () => socket.destroy(new Error("the responder is silent")));
    socket.setEncoding("utf8").on("data", (text) => {
      answer += text;
    });
    socket.on("error", reject).on("close", () => resolve(answer));
  });
}
