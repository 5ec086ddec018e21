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
use strict; use Time::HiRes qw(time sleep); use IO::Socket::INET; use IO::Select;
my ($unit, $address, $port) = @ARGV;
system("systemctl", "stop", $unit) == 0 or die;
sleep 0.3;
my $start = time;
system("systemctl", "start", $unit) == 0 or die;
while (time - $start < 60) {
  my $socket = IO::Socket::INET->new(PeerAddr => $address, PeerPort => $port, Timeout => 1) or do { sleep 0.005; next };
  my $ready = IO::Select->new($socket);
  unless ($ready->can_read(0.02)) { syswrite $socket, "GET / HTTP/1.0\\r\\nHost: bench\\r\\n\\r\\n" }
  if ($ready->can_read(30) && sysread $socket, my $answer, 1) { printf "%.1f", 1000 * (time - $start); exit }
  sleep 0.005;
}
print "no answer";
`;
