import type { TestHost } from "../../dev/hosts/index.ts";

/** Answers each packet with `NAME SENDER`. */
const RESPONDER = `
use IO::Socket::INET; my ($port, $name) = @ARGV;
my $socket = IO::Socket::INET->new(Proto => "udp", LocalPort => $port) or die $!;
while (my $from = recv $socket, my $bytes, 512, 0) { my (undef, $ip) = sockaddr_in($from); send $socket, "$name " . inet_ntoa($ip), 0, $from }
`;

/** Starts one as a transient unit and waits until it listens. */
export async function startUdpResponder(host: TestHost, port: number, name: string): Promise<void> {
  await host.exec(["sh", "-c", "cat >/run/udp-responder.pl"], { input: RESPONDER });
  const unit = `--unit=udp-responder-${port}`;
  await host.exec(["systemd-run", "-q", "--collect", unit, "perl", "/run/udp-responder.pl", String(port), name]);
  await host.exec(["sh", "-c", `until ss -Hlun 'sport = :${port}' | grep -q .; do sleep 0.05; done`]);
}
