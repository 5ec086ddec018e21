import type { Server } from "./site.ts";

/**
 * Milliseconds from `systemctl start` of a stopped unit to the first byte of an answer, measured on the host itself. A
 * server that speaks first is only listened to; the others are sent a request of HTTP.
 */
export async function coldStart({ host, unitName, port }: Server): Promise<number> {
  const { stdout } = await host.exec(["perl", "-e", program, unitName, host.address, String(port)], {
    timeout: 120_000,
  });
  const milliseconds = Number(stdout);
  if (!Number.isFinite(milliseconds)) throw new Error(`${unitName} did not answer after its start: ${stdout}`);
  return milliseconds;
}

const program = `
use strict; use IO::Socket::INET; use IO::Select;
# A minimal host's perl has no Time::HiRes; the kernel's uptime is in hundredths of a second.
sub now { open my $in, "<", "/proc/uptime"; (split / /, <$in>)[0] }
sub pause { select undef, undef, undef, $_[0] }
my ($unit, $address, $port) = @ARGV;
system("systemctl", "stop", $unit) == 0 or die;
pause(0.3);
my $start = now();
system("systemctl", "start", $unit) == 0 or die;
while (now() - $start < 60) {
  my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 1) or do { pause(0.005); next };
  my $ready = IO::Select->new($socket);
  unless ($ready->can_read(0.02)) { syswrite $socket, "GET / HTTP/1.0\\r\\nHost: bench\\r\\n\\r\\n" }
  if ($ready->can_read(30) && sysread $socket, my $answer, 1) { printf "%.1f", 1000 * (now() - $start); exit }
  pause(0.005);
}
print "no answer";
`;
