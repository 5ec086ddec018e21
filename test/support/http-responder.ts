import type { TestHost } from "../../dev/hosts/index.ts";

/** A few processes that answer each request with `NAME X-FORWARDED-FOR X-FORWARDED-PROTO`: a host has nothing better installed than perl. */
const RESPONDER = `
use IO::Socket::INET; my ($port, $name) = @ARGV;
my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 512, ReuseAddr => 1) or die $!;
for (1 .. 3) { last unless fork }
while (1) {
  my $client = $listener->accept or next;
  my $request = ""; while (sysread $client, my $bytes, 4096) { $request .= $bytes; last if $request =~ /\\r\\n\\r\\n/ }
  my ($from) = $request =~ /^x-forwarded-for: (.*?)\\r/im; my ($how) = $request =~ /^x-forwarded-proto: (.*?)\\r/im; my $body = "$name " . ($from // "-") . " " . ($how // "-") . "\\n";
  syswrite $client, "HTTP/1.1 200 OK\\r\\nContent-Length: " . length($body) . "\\r\\nConnection: close\\r\\n\\r\\n$body" if $request;
  close $client;
}
`;

/** Starts a responder as a transient unit and waits until it listens. */
export async function startResponder(host: TestHost, port: number, name = host.name): Promise<void> {
  await host.exec(["sh", "-c", "cat >/run/responder.pl"], { input: RESPONDER });
  const unit = `--unit=responder-${port}`;
  await host.exec(["systemd-run", "-q", "--collect", unit, "perl", "/run/responder.pl", String(port), name]);
  await host.exec(["sh", "-c", `until ss -Hltn 'sport = :${port}' | grep -q .; do sleep 0.05; done`]);
}
